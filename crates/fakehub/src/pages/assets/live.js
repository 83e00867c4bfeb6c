// Keeps what the bot writes up to date: reads the page again now and then, and puts in only those
// children of the live parts that have changed, so that reading, typing and focus are left alone.
'use strict';

const PAUSE = 1500;
const regions = () => [...document.querySelectorAll('[data-live]')];
// As the server sent it; opening details in the page changes the page's own markup.
const sent = new WeakMap();

function remember(element) {
  sent.set(element, element.outerHTML);
  for (const child of element.children) remember(child);
}

// What somebody works in is left as it is until they have left it.
function isBusy(element) {
  const active = document.activeElement;
  const types = active && active.matches('input, textarea, select') && element.contains(active);
  return types || element.querySelector('details.react[open], details.edit[open]') !== null;
}

const isKeyed = (element) =>
  element.children.length > 0 && [...element.children].every((child) => child.id);

function put(old, fresh) {
  if (isKeyed(old) && isKeyed(fresh)) {
    putChildren(old, fresh);
    return;
  }
  if (sent.get(old) === fresh.outerHTML || isBusy(old)) return;
  const html = fresh.outerHTML;
  const open = [...old.querySelectorAll('details[open] > summary')].map((it) => it.textContent);
  const focus = old.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
  const next = document.importNode(fresh, true);
  remember(next);
  for (const summary of next.querySelectorAll('details > summary')) {
    if (open.includes(summary.textContent)) summary.parentElement.open = true;
  }
  old.replaceWith(next);
  sent.set(next, html);
  if (focus) [...next.querySelectorAll('a')].find((it) => it.getAttribute('href') === focus)?.focus();
}

function putChildren(old, fresh) {
  const wanted = new Set([...fresh.children].map((child) => child.id));
  for (const child of [...old.children]) if (!wanted.has(child.id)) child.remove();
  let place = old.firstElementChild;
  for (const child of [...fresh.children]) {
    const mine = [...old.children].find((it) => it.id === child.id);
    if (mine) {
      place = mine.nextElementSibling;
      put(mine, child);
    } else {
      const next = document.importNode(child, true);
      remember(next);
      old.insertBefore(next, place);
    }
  }
}

async function refresh() {
  if (document.hidden) return;
  let text;
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    document.documentElement.classList.add('is-away');
    return;
  }
  document.documentElement.classList.remove('is-away');
  const fresh = new DOMParser().parseFromString(text, 'text/html');
  const scroll = window.scrollY;
  for (const region of regions()) {
    const next = fresh.getElementById(region.id);
    if (next) put(region, next);
  }
  if (window.scrollY !== scroll) window.scrollTo({ top: scroll, behavior: 'instant' });
}

for (const region of regions()) remember(region);
if (regions().length > 0) {
  const again = () => refresh().finally(() => setTimeout(again, PAUSE));
  setTimeout(again, PAUSE);
}
