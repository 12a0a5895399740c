// Pictures one after another instead of four rows at once; a card's text that came with a link.
(function () {
  'use strict';
  Array.prototype.forEach.call(document.querySelectorAll('[data-steps]'), function (box) {
    var steps = Array.prototype.slice.call(box.querySelectorAll('.step'));
    var form = box.closest('form');
    function show(at) {
      steps.forEach(function (step, index) { step.hidden = index !== at; });
      var last = at === steps.length - 1;
      form.querySelectorAll('.tick, .row').forEach(function (part) { part.hidden = !last; });
    }
    var dots = document.createElement('p');
    dots.className = 'dots';
    dots.setAttribute('aria-hidden', 'true');
    box.insertBefore(dots, box.firstChild);
    function draw() {
      dots.textContent = steps.map(function (step) { return step.querySelector(':checked') ? '●' : '○'; }).join(' ');
    }
    steps.forEach(function (step, index) {
      // A click chooses and goes on; the arrow keys only choose, Enter goes on.
      function next() {
        draw();
        if (index + 1 >= steps.length) return;
        show(index + 1);
        steps[index + 1].querySelector('input').focus({ preventScroll: true });
      }
      step.addEventListener('change', draw);
      step.addEventListener('click', function (event) {
        if (event.target.matches('input') && event.detail > 0 || event.target.closest('label') && event.target.tagName !== 'INPUT') setTimeout(next, 120);
      });
      step.addEventListener('keydown', function (event) {
        if (event.key !== 'Enter' || index + 1 >= steps.length) return;
        event.preventDefault();
        if (step.querySelector(':checked')) next();
      });
    });
    draw();
    show(0);
  });

  var card = document.getElementById('card');
  if (card && location.hash.length > 1) {
    // The part after # never leaves the browser; it is taken out of the address, too.
    card.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, '', location.pathname + location.search);
  }
})();
