// Holds a recording of fakehub to GitHub's own descriptions.
//
//   node validate.mjs RECORDING.jsonl… [DOCUMENT.graphql…]
//
// A recording has one line for each REST, token or GraphQL call and for each webhook. Checked are
// that every request is one that GitHub takes, that every answer has the shape that GitHub gives,
// that every GraphQL document is valid against GitHub's schema, and that webhooks carry what
// GitHub's own examples of the same event all carry. Deviations that we accept stand in
// allow.json, each with its reason; an entry that nothing needs is reported too.
// What the calls mean is not checked here: that is the business of the tests of fakehub.

import { readFileSync } from 'node:fs';
import { rest } from './rest.mjs';
import { graphql } from './graphql.mjs';
import { webhooks } from './webhooks.mjs';

const files = process.argv.slice(2);
const recordings = files.filter((file) => file.endsWith('.jsonl'));
const documents = files.filter((file) => file.endsWith('.graphql'));
if (recordings.length === 0 && documents.length === 0) {
  console.error('usage: node validate.mjs RECORDING.jsonl… [DOCUMENT.graphql…]');
  process.exit(2);
}

const lines = recordings.flatMap((file) =>
  readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)));
const allowed = JSON.parse(readFileSync(new URL('allow.json', import.meta.url), 'utf8'));
const report = { used: new Set(), validated: new Set(), violations: new Map() };

/** Notes a deviation once; `where` has no ids or indexes in it, so that it can be listed. */
function violation(operation, where, example) {
  const key = `${operation} | ${where}`;
  if (!report.violations.has(key)) report.violations.set(key, example);
}

rest(lines.filter((line) => ['rest', 'token'].includes(line.call?.kind)), report, violation);
graphql(lines.filter((line) => line.call?.kind === 'graphql'), documents, report, violation);
webhooks(lines.filter((line) => line.webhook), report, violation);

const matches = (entry, key) => new RegExp(`^(?:${entry.violation})$`).test(key);
const unlisted = [...report.violations].filter(([key]) => !allowed.some((entry) => matches(entry, key)));
const idle = allowed.filter((entry) => ![...report.violations.keys()].some((key) => matches(entry, key)));

for (const [key, example] of unlisted) console.error(`violation: ${key}\n  ${example}`);
for (const entry of idle) console.error(`note: nothing needs the entry ${entry.violation}`);
const unchecked = [...report.used].filter((operation) => !report.validated.has(operation));
for (const operation of unchecked) console.error(`not validated: ${operation}`);
console.log(`operations used: ${report.used.size}, validated: ${report.validated.size}, ` +
  `unlisted violations: ${unlisted.length}`);
process.exit(unlisted.length > 0 || unchecked.length > 0 || report.used.size === 0 ? 1 : 0);
