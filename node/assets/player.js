// The player: captions, speed, resuming, and reporting exactly which parts were played.
// A report leaves localStorage only after the node answered 201; "saved" is shown only then.
(function () {
  'use strict';
  var video = document.getElementById('player');
  if (!video) return;
  var app = window.pishtar;
  var store = app.store;
  var lesson = video.dataset.lesson;
  var saved = document.getElementById('saved');
  var neededPercent = Number(video.dataset.completePercent) || 90;
  var session = app.randomId();
  var PREFIX = 'pishtar.unsent.';
  var REPORT_EVERY_MS = 10000;
  var MAX_SEGMENTS = 200;

  // --- Sets of played seconds: sorted, disjoint [start, end] pairs.
  function union(list) {
    var sorted = list.slice().sort(function (a, b) { return a[0] - b[0]; });
    var out = [];
    sorted.forEach(function (segment) {
      var last = out[out.length - 1];
      // Two samples of one continuous play meet within a frame.
      if (last && segment[0] <= last[1] + 0.05) last[1] = Math.max(last[1], segment[1]);
      else out.push([segment[0], segment[1]]);
    });
    return out;
  }
  function total(list) { return list.reduce(function (sum, s) { return sum + s[1] - s[0]; }, 0); }
  function round(seconds) { return Math.round(seconds * 1000) / 1000; }

  // --- What was played. `from` is where the running interval began, `last` the newest moment surely shown.
  var from = null, last = 0, lastAt = 0;
  var unreported = [];
  function now() { return performance.now(); }
  function begin() { if (from === null && !video.seeking) { from = last = video.currentTime; lastAt = now(); } }
  function sample() {
    if (from === null || video.seeking) return;
    var position = video.currentTime;
    var possible = (now() - lastAt) / 1000 * video.playbackRate + 0.5;
    if (position < last || position - last > possible) { finish(); begin(); return; }
    last = position;
    lastAt = now();
  }
  function finish() {
    if (from !== null && last > from) unreported.push([round(from), round(last)]);
    from = null;
  }
  function frame() { sample(); drawWatched(); if (!video.paused && !video.ended) requestAnimationFrame(frame); }

  // --- What this learner has watched of this lesson in all, kept for cards and resuming.
  function memoryKey() { var person = app.current(); return person ? 'pishtar.watched.' + person.id : null; }
  function remembered() { var key = memoryKey(); return (key && store.get(key, {})[lesson]) || { played: [] }; }
  var before = remembered();
  function playedSoFar() {
    var running = from !== null && last > from ? [[from, last]] : [];
    return union(before.played.concat(unreported, running));
  }
  function percentOf(played) {
    return video.duration > 0 ? Math.min(100, Math.round(total(played) / video.duration * 100)) : before.percent || 0;
  }
  function remember() {
    var key = memoryKey();
    if (!key || !(video.duration > 0)) return;
    var played = playedSoFar();
    var percent = percentOf(played);
    before = { played: played, percent: percent, done: before.done || percent >= neededPercent, position: round(video.currentTime), at: Date.now() };
    var all = store.get(key, {});
    all[lesson] = before;
    store.set(key, all);
  }

  // --- Reports: one list per page visit in localStorage, so that a closed tab or a node that is away loses nothing.
  var mine = PREFIX + session;
  var sending = false, waitMs = 0, inFlight = 0;
  function report() {
    sample();
    var running = from !== null;
    finish();
    if (running && !video.paused && !video.ended) begin();
    if (!unreported.length || !app.current()) return;
    remember();
    var list = store.get(mine, []);
    var newest = list.length > inFlight ? list[list.length - 1] : null;
    var person = app.current();
    if (newest && newest.learner === person.id && newest.played.length < MAX_SEGMENTS) {
      newest.played = union(newest.played.concat(unreported));
    } else {
      newest = { learner: person.id, name: person.name || null, lesson: lesson, played: union(unreported) };
      list.push(newest);
    }
    newest.position = round(video.currentTime);
    newest.duration = round(video.duration || 0);
    newest.completed = Boolean(before.done);
    unreported = [];
    store.set(mine, list);
    say('saving');
    send();
  }
  function waits(key) { return store.get(key, []).some(app.maySend); }
  function queueKeys() { return store.keys(PREFIX); }
  function say(state) {
    saved.textContent = saved.dataset[state] || '';
    saved.className = 'saved' + (state === 'saved' ? ' ok' : state === 'unsaved' || state === 'broken' ? ' bad' : '');
    saved.dataset.state = state;
  }
  function send() {
    if (sending) return;
    var key = [mine].concat(queueKeys()).filter(waits)[0];
    if (!key) return;
    var batch = store.get(key, []).filter(app.maySend).slice(0, 50);
    var sent = batch.map(function (event) { return JSON.stringify(event); });
    sending = true;
    inFlight = key === mine ? store.get(mine, []).length : 0;
    fetch('/api/progress', {
      method: 'POST', keepalive: true, headers: { 'Content-Type': 'application/json' },
      body: '{"events":[' + sent.join() + ']}'
    }).then(function (answer) {
      // 400, 413 and 422 say that these reports can never be taken; anything else is tried again.
      if (answer.status === 201 || [400, 413, 422].indexOf(answer.status) >= 0) {
        // Another tab may have added to the list meanwhile: only what was sent word for word goes.
        var rest = store.get(key, []).filter(function (event) { return sent.indexOf(JSON.stringify(event)) < 0; });
        if (rest.length) store.set(key, rest); else store.remove(key);
        sending = false; inFlight = 0; waitMs = 0;
        if (answer.status !== 201) say('unsaved');
        else if (!queueKeys().some(waits)) say('saved');
        send();
      } else throw new Error(String(answer.status));
    }).catch(function () {
      sending = false; inFlight = 0;
      say('unsaved');
      waitMs = Math.min(60000, waitMs ? waitMs * 2 : 3000);
      setTimeout(send, waitMs);
    });
  }
  function leave() {
    report();
    // Whether a beacon arrived is unknown, so its reports stay stored and are sent once more; a union counts once.
    var list = store.get(mine, []).filter(app.maySend);
    if (list.length && navigator.sendBeacon) {
      navigator.sendBeacon('/api/progress', new Blob([JSON.stringify({ events: list.slice(0, 50) })], { type: 'application/json' }));
    }
  }

  video.addEventListener('playing', function () { begin(); requestAnimationFrame(frame); });
  video.addEventListener('timeupdate', sample);
  video.addEventListener('seeking', finish);
  video.addEventListener('seeked', function () { if (!video.paused) begin(); });
  video.addEventListener('pause', function () { report(); });
  video.addEventListener('ended', function () {
    if (from !== null) last = video.duration;
    report();
    drawWatched(true);
    seen.textContent = saved.dataset.done;
  });
  document.addEventListener('visibilitychange', function () { if (document.hidden) report(); });
  window.addEventListener('pagehide', leave);
  window.addEventListener('online', send);
  setInterval(function () { if (!video.paused) report(); }, REPORT_EVERY_MS);
  send();

  // --- The bar of what was watched.
  var bar = document.getElementById('watched');
  var seen = document.getElementById('seen');
  var drawn = '';
  function drawWatched(force) {
    if (!(video.duration > 0)) return;
    var played = playedSoFar();
    var key = played.map(function (s) { return s.map(Math.round).join('-'); }).join();
    if (key === drawn && force !== true) return;
    drawn = key;
    bar.textContent = '';
    played.forEach(function (segment) {
      var rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
      rect.setAttribute('x', String(segment[0] / video.duration * 1000));
      rect.setAttribute('width', String((segment[1] - segment[0]) / video.duration * 1000));
      rect.setAttribute('height', '6');
      bar.appendChild(rect);
    });
    var percent = percentOf(played);
    seen.textContent = percent ? seen.dataset.text.replace('%s', percent) : '';
  }

  // --- Starting where the learner left off, and asking who learns on the first visit.
  function resume() {
    if (before.position > 5 && before.position < video.duration - 10 && !before.done) video.currentTime = before.position;
    drawWatched();
  }
  if (video.readyState > 0) resume(); else video.addEventListener('loadedmetadata', resume, { once: true });
  document.addEventListener('pishtar-leaving', report);
  document.addEventListener('pishtar-learner', function () { before = remembered(); drawWatched(true); });
  if (!app.current()) app.ask();

  // --- Captions: on, in the page's language, until the learner says otherwise.
  var wanted = store.get('pishtar.captions', null);
  function applyCaptions() {
    if (wanted === null) return;
    Array.prototype.forEach.call(video.textTracks, function (track) { track.mode = track.language === wanted ? 'showing' : 'disabled'; });
  }
  applyCaptions();
  setTimeout(function () {
    video.textTracks.addEventListener('change', function () {
      var shown = Array.prototype.filter.call(video.textTracks, function (track) { return track.mode === 'showing'; })[0];
      wanted = shown ? shown.language : 'off';
      store.set('pishtar.captions', wanted);
    });
  }, 1000);

  // Captions that are still on their way are asked for again, also when the video came before them. A browser does not
  // load the same address a second time.
  var CAPTIONS_AGAIN_MS = 2000;
  Array.prototype.forEach.call(video.querySelectorAll('track'), function (track) {
    var address = track.getAttribute('src'), times = 0;
    function again() { setTimeout(function () { track.src = address + '?again=' + ++times; }, CAPTIONS_AGAIN_MS); }
    track.addEventListener('error', again);
    if (track.readyState === 3) again();
  });

  // --- Speed, remembered.
  var speed = document.getElementById('speed');
  speed.value = String(store.get('pishtar.speed', 1));
  function applySpeed() { video.playbackRate = video.defaultPlaybackRate = Number(speed.value) || 1; }
  speed.addEventListener('change', function () { applySpeed(); store.set('pishtar.speed', Number(speed.value)); });
  applySpeed();

  // --- A lesson that is still arriving: show how far it is; try again when playing failed.
  var arriving = document.getElementById('arriving');
  var held = Number(video.dataset.held);
  function showArriving(state) {
    held = state.percent;
    arriving.classList.toggle('done', state.complete);
    arriving.querySelector('progress').value = held;
    arriving.querySelector('p').textContent = state.complete ? arriving.dataset.complete : arriving.dataset.arriving.replace('%s', held);
    return state.complete;
  }
  function poll() {
    fetch(video.dataset.state).then(function (answer) { return answer.json(); }).then(showArriving)
      .catch(function () { return false; })
      .then(function (complete) { if (!complete) setTimeout(poll, 2000); });
  }
  if (held < 100) setTimeout(poll, 1000);

  var retries = 0;
  function broken() {
    say('broken');
    var position = video.currentTime || last;
    var playing = !video.paused;
    if (retries++ < 20) setTimeout(function () {
      video.load();
      video.addEventListener('loadedmetadata', function () { if (position > 0) video.currentTime = position; say(''); if (playing) video.play(); }, { once: true });
    }, Math.min(30000, 2000 * retries));
  }
  video.addEventListener('error', broken);
  var source = video.querySelector('source');
  if (source) source.addEventListener('error', broken);
})();
