// Webhooks: what all of GitHub's own examples of an event have, ours have too.
//
// The published schemas are no measure: many official examples fail them. So the fields that every
// example of an event and action has, with their JSON types, are.

import { createRequire } from 'node:module';

const examples = createRequire(import.meta.url)('@octokit/webhooks-examples');

export function webhooks(lines, report, violation) {
  for (const { webhook } of lines) {
    const { event, payload } = webhook;
    const operation = `webhook ${event}${payload.action ? `.${payload.action}` : ''}`;
    report.used.add(operation);
    const known = examplesOf(event, payload.action);
    if (known.length === 0) {
      violation(operation, 'has no official example', JSON.stringify(payload).slice(0, 200));
    } else {
      compare(known, payload, '', (where, what) => violation(operation, `payload${where} ${what}`, ''));
    }
    report.validated.add(operation);
  }
}

/** Examples of the same action, or of the event where that action has none. */
function examplesOf(event, action) {
  const all = examples.find((entry) => entry.name === event)?.examples ?? [];
  const same = all.filter((example) => example.action === action);
  return same.length > 0 ? same : all.map(({ changes, ...example }) => example);
}

function compare(known, value, where, deviates) {
  if (value === null || value === undefined || known.some((example) => example === null)) return;
  const types = new Set(known.map(typeOf));
  if (!types.has(typeOf(value))) return deviates(where, `is ${typeOf(value)}, not ${[...types]}`);
  if (Array.isArray(value)) {
    const items = known.flat();
    if (items.length > 0) value.forEach((item) => compare(items, item, `${where}/*`, deviates));
  } else if (typeof value === 'object') {
    const shared = Object.keys(known[0]).filter((key) => known.every((example) => key in example));
    for (const key of shared) {
      if (!(key in value)) deviates(`${where}/${key}`, 'is missing');
      else compare(known.map((example) => example[key]), value[key], `${where}/${key}`, deviates);
    }
  }
}

function typeOf(value) {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
}
