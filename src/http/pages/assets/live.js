// Reads the page of a run again while the run goes on, and puts in what is new: what somebody has
// folded, focused or scrolled to is left as it is.
'use strict';

const PAUSE = 1000;
const byId = (root, id) => root.getElementById(id);

// As the server sent it: folding a part changes the page's own markup.
const sent = new WeakMap();
const remember = (root) => {
  for (const part of root.querySelectorAll('[data-live]')) sent.set(part, part.outerHTML);
};

function replace(part, fresh) {
  const html = fresh.outerHTML;
  if (sent.get(part) === html) return;
  const name = (details) => details.querySelector('summary').textContent;
  const folds = new Map([...part.querySelectorAll('details')].map((it) => [name(it), it.open]));
  const focus = part.contains(document.activeElement) ? document.activeElement.textContent : null;
  const next = document.importNode(fresh, true);
  for (const details of next.querySelectorAll('details')) {
    if (folds.has(name(details))) details.open = folds.get(name(details));
  }
  part.replaceWith(next);
  sent.set(next, html);
  if (focus) {
    [...next.querySelectorAll('a, summary, [tabindex]')].find((it) => it.textContent === focus)?.focus();
  }
}

// A log only grows; whoever reads its end goes on reading its end.
function lengthen(part, fresh) {
  if (part.textContent === fresh.textContent) return;
  const isAtEnd = part.scrollHeight - part.scrollTop - part.clientHeight < 24;
  part.textContent = fresh.textContent;
  if (isAtEnd) part.scrollTop = part.scrollHeight;
}

function put(fresh) {
  for (const list of document.querySelectorAll('[data-live-list]')) {
    for (const child of byId(fresh, list.id)?.children ?? []) {
      const mine = byId(document, child.id);
      const hasLog = (it) => it.querySelector('[data-live-text]') !== null;
      if (mine && (hasLog(mine) || !hasLog(child))) continue;
      const next = document.importNode(child, true);
      if (mine) mine.replaceWith(next);
      else list.append(next);
      remember(next);
    }
  }
  for (const part of document.querySelectorAll('[data-live]')) {
    const next = byId(fresh, part.id);
    if (next) replace(part, next);
  }
  for (const part of document.querySelectorAll('[data-live-text]')) {
    const next = byId(fresh, part.id);
    if (next) lengthen(part, next);
  }
}

// Whether it goes on.
async function refresh() {
  if (document.hidden) return true;
  let answer;
  let text;
  try {
    answer = await fetch(location.href, { redirect: 'manual' });
    text = await answer.text();
  } catch {
    document.documentElement.classList.add('is-away');
    return true;
  }
  // Signed out meanwhile, or not allowed any more: the page says so itself.
  if (answer.type === 'opaqueredirect' || answer.status === 404) {
    location.reload();
    return false;
  }
  document.documentElement.classList.toggle('is-away', !answer.ok);
  if (!answer.ok) return true;
  const fresh = new DOMParser().parseFromString(text, 'text/html');
  put(fresh);
  return fresh.querySelector('[data-goes-on]') !== null;
}

remember(document);
for (const log of document.querySelectorAll('[data-live-text]')) log.scrollTop = log.scrollHeight;
const again = () => setTimeout(async () => { if (await refresh()) again(); }, PAUSE);
again();
