// Who is learning on this device, what they have watched, and pages that refresh themselves.
// Names and ids live in this browser's localStorage and go nowhere but to this node.
(function () {
  'use strict';
  var memory = {};
  var store = {
    get: function (key, fallback) {
      try { var text = localStorage.getItem(key); return text === null ? fallback : JSON.parse(text); }
      catch (error) { return key in memory ? memory[key] : fallback; }
    },
    set: function (key, value) {
      memory[key] = value;
      try { localStorage.setItem(key, JSON.stringify(value)); } catch (error) { /* private window: memory only */ }
    },
    remove: function (key) {
      delete memory[key];
      try { localStorage.removeItem(key); } catch (error) { /* as above */ }
    },
    keys: function (prefix) {
      var found = {};
      Object.keys(memory).forEach(function (key) { found[key] = true; });
      try { for (var i = 0; i < localStorage.length; i++) found[localStorage.key(i)] = true; } catch (error) { /* as above */ }
      return Object.keys(found).filter(function (key) { return key.indexOf(prefix) === 0; });
    }
  };

  // 16 random bytes; crypto.randomUUID is missing on plain HTTP.
  function randomId() {
    return Array.prototype.map.call(crypto.getRandomValues(new Uint8Array(16)), function (byte) {
      return (byte < 16 ? '0' : '') + byte.toString(16);
    }).join('');
  }

  var dialog = document.getElementById('who');
  var chip = document.getElementById('learner');

  // Whoever is signed in is who the node says; nobody chooses another name then.
  var signedIn = chip.tagName === 'A';
  var seats = (chip.dataset.seats || '').split(' ');

  function people() { return store.get('pishtar.people', []); }
  function current() {
    if (signedIn) return chip.dataset.learner ? { id: chip.dataset.learner, name: '' } : null;
    var id = store.get('pishtar.who', null);
    return people().filter(function (person) { return person.id === id; })[0] || null;
  }
  function displayName(person) { return person.name || dialog.dataset.guest; }
  function choose(id) {
    // What was played until now is still the other learner's.
    document.dispatchEvent(new Event('pishtar-leaving'));
    store.set('pishtar.who', id);
    showChip();
    markCards();
    document.dispatchEvent(new Event('pishtar-learner'));
  }
  function addPerson(name) {
    var same = people().filter(function (person) { return person.name === name; })[0];
    var person = same || { id: randomId(), name: name };
    if (!same) store.set('pishtar.people', people().concat([person]));
    choose(person.id);
  }

  // A report about a learner whom a school registered goes out only while that learner is signed in here.
  function maySend(event) { return !/^p\.[a-z2-7]{16}$/.test(event.learner) || seats.indexOf(event.learner) >= 0; }

  function showChip() {
    if (signedIn) return;
    var person = current();
    chip.classList.toggle('nobody', !person);
    chip.hidden = !person && !document.getElementById('player');
    var name = person ? displayName(person) : document.getElementById('who-title').textContent;
    chip.querySelector('.name').textContent = name;
    chip.querySelector('.face').textContent = person ? Array.from(name)[0].toUpperCase() : '?';
    chip.setAttribute('aria-label', document.getElementById('who-title').textContent + ' ' + (person ? name : ''));
  }

  function button(className, text) {
    var made = document.createElement('button');
    made.type = 'button';
    made.className = className;
    made.textContent = text;
    return made;
  }
  function fillList() {
    var list = dialog.querySelector('.who-list');
    var chosen = store.get('pishtar.who', null);
    list.textContent = '';
    people().forEach(function (person) {
      var item = document.createElement('li');
      var pick = button('pick', '');
      var face = document.createElement('span');
      face.className = 'face';
      face.setAttribute('aria-hidden', 'true');
      face.textContent = Array.from(displayName(person))[0].toUpperCase();
      pick.appendChild(face);
      pick.appendChild(document.createTextNode(displayName(person)));
      pick.setAttribute('aria-pressed', String(person.id === chosen));
      pick.addEventListener('click', function () { choose(person.id); dialog.close(); });
      var drop = button('drop', '×');
      drop.setAttribute('aria-label', dialog.dataset.forget.replace('%s', displayName(person)));
      drop.addEventListener('click', function () {
        store.set('pishtar.people', people().filter(function (other) { return other.id !== person.id; }));
        store.remove('pishtar.watched.' + person.id);
        if (store.get('pishtar.who', null) === person.id) { store.remove('pishtar.who'); showChip(); markCards(); }
        fillList();
      });
      item.appendChild(pick);
      item.appendChild(drop);
      list.appendChild(item);
    });
  }
  function ask() {
    if (signedIn) return;
    fillList();
    document.getElementById('who-name').value = '';
    if (dialog.showModal) dialog.showModal(); else dialog.setAttribute('open', '');
  }
  dialog.addEventListener('close', function () {
    var name = document.getElementById('who-name').value.trim().replace(/\s+/g, ' ');
    if (dialog.returnValue === 'start' && name) addPerson(name);
    if (!current()) addPerson('');
    dialog.returnValue = '';
  });
  if (!signedIn) chip.addEventListener('click', ask);
  showChip();

  function watched() {
    var person = current();
    return person ? store.get('pishtar.watched.' + person.id, {}) : {};
  }

  // What this learner has seen is drawn onto the cards, and the unfinished ones come first.
  function markCards() {
    var seen = watched();
    Array.prototype.forEach.call(document.querySelectorAll('#live .card, .found .card, .related .card'), function (card) {
      var mark = card.querySelector('.watched');
      var entry = seen[card.dataset.lesson];
      mark.hidden = !entry || entry.percent < 2;
      if (!mark.hidden) mark.textContent = entry.done ? '✓ ' + mark.dataset.done : entry.percent + ' %';
    });
    var shelf = document.getElementById('continue');
    if (!shelf) return;
    var list = shelf.querySelector('ul');
    list.textContent = '';
    Object.keys(seen)
      .filter(function (id) { return !seen[id].done && seen[id].percent >= 2; })
      .sort(function (a, b) { return (seen[b].at || 0) - (seen[a].at || 0); })
      .slice(0, 4)
      .forEach(function (id) {
        var card = document.querySelector('#live .card[data-lesson="' + CSS.escape(id) + '"]');
        if (card) list.appendChild(card.cloneNode(true));
      });
    shelf.hidden = !list.children.length;
  }
  markCards();

  // A page whose numbers move fetches itself and swaps its main part, unless somebody is busy in it.
  var main = document.getElementById('main');
  function secondsUntilNext(root) {
    var live = root.querySelector('#live');
    return live ? Number(live.dataset.every) : 0;
  }
  function refreshLater(seconds) { if (seconds) setTimeout(refresh, seconds * 1000); }
  function refresh() {
    var busy = document.hidden || main.contains(document.activeElement) && document.activeElement !== main || main.querySelector('details[open]');
    if (busy) return refreshLater(secondsUntilNext(main));
    fetch(location.href, { headers: { Accept: 'text/html' } })
      .then(function (answer) { return answer.ok ? answer.text() : Promise.reject(answer.status); })
      .then(function (text) {
        var fresh = new DOMParser().parseFromString(text, 'text/html').getElementById('main');
        if (fresh && fresh.innerHTML !== shown) {
          shown = main.innerHTML = fresh.innerHTML;
          markCards();
        }
      })
      .catch(function () { /* the node is away for a moment; the next round finds it */ })
      .then(function () { refreshLater(secondsUntilNext(main)); });
  }
  var shown = '';
  refreshLater(secondsUntilNext(main));

  // A menu closes when something else is pressed, or with Escape.
  var menu = document.querySelector('.menu');
  document.addEventListener('click', function (event) { if (!menu.contains(event.target)) menu.open = false; });
  document.addEventListener('keydown', function (event) { if (event.key === 'Escape') menu.open = false; });

  window.pishtar = { store: store, randomId: randomId, current: current, maySend: maySend, ask: ask };
})();
