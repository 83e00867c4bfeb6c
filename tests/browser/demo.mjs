// The five steps of the demo's start page in a real browser, from the issue form to the drift, and a
// restart that keeps it all; on the way, the bot's own page of a plan. Seven pictures go to target/screenshots.
//
//   node tests/browser/demo.mjs [PLANWRIGHT]

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const planwright = process.argv[2] ?? join(root, 'target/debug/planwright');
const pictures = join(root, 'target/screenshots');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A plan starts an engine; on a busy machine that takes its time. */
const PATIENCE = 60_000;
/** Markdown that would show if anything of it ran. */
const HOSTILE = 'Hello <img src=x onerror="window.hit = 1"><script>window.hit = 2</script> ' +
  '[click](javascript:window.hit=3) <a href="javascript:window.hit=4" onclick="window.hit=5">or here</a>' +
  '<style>body { display: none }</style><form action="https://e.example"><button>Send</button></form>';

/** Starts the demo; answers its process and address. */
async function demo(data, port, ...more) {
  const child = spawn(planwright, ['demo', '--data', data, '--port', String(port), ...more],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const address = await new Promise((found, failed) => {
    child.stdout.on('data', (text) => {
      said += text;
      const line = /Planwright demo: (http:\/\/127\.0\.0\.1:\d+)/.exec(said);
      if (line && said.includes('Ctrl-C')) found(line[1]);
    });
    child.on('exit', (code) => failed(new Error(`the demo ended with ${code}: ${said}`)));
  });
  for (const step of ['Ask for something', 'Merge, and watch', 'find the drift']) {
    assert.ok(said.includes(step), `the terminal should say "${step}": ${said}`);
  }
  return { child, address };
}

function ended({ child }) {
  return new Promise((done) => {
    child.removeAllListeners('exit');
    child.on('exit', done);
    child.kill('SIGTERM');
  });
}

/** A page that remembers whatever the browser complains about. */
async function opened(context, complaints) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) => {
    // A read of the live script that a click on a link has cut short is none.
    const why = request.failure()?.errorText;
    if (why !== 'net::ERR_ABORTED') complaints.push(`${request.url()}: ${why}`);
  });
  page.on('request', (request) => {
    const host = new URL(request.url()).hostname;
    if (host !== '127.0.0.1') complaints.push(`a request to ${host}`);
  });
  page.on('dialog', (dialog) => complaints.push(`a dialog: ${dialog.message()}`));
  return page;
}

/** What axe finds against the rules of WCAG A and AA, in light and in dark. */
async function accessible(page, where) {
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(axe);
    // People head their texts as they like: GitHub itself makes forms into headings of level 3.
    const { violations } = await page.evaluate(() => window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'],
      rules: { 'heading-order': { enabled: false } },
    }));
    const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html).join(' | ')}`);
    assert.deepEqual(found, [], `${where} in ${colorScheme}`);
  }
}

const become = async (page, person) => {
  await page.getByRole('button', { name: person, exact: true }).click();
  await page.locator(`button[value=${person}][aria-pressed=true]`).waitFor();
};
const picture = (page, name) => page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
/** What is said in a conversation, however it is spaced. */
const conversation = async (page) =>
  (await page.locator('.timeline').textContent()).replace(/\s+/g, ' ').trim();
const seen = (page, text) => page.getByText(text).first().waitFor();

async function asked(page, address) {
  await page.goto(address);
  await page.getByRole('heading', { name: 'Try Planwright' }).waitFor();
  assert.equal(await page.locator('.step').count(), 5);
  assert.equal(await page.locator('.step.done').count(), 0);
  await accessible(page, 'the start page');
  await picture(page, '1-start');
  // By keyboard alone, as far as the form.
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Fill in the form');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'New hello' }).waitFor();
  await page.getByLabel('Title').fill('A greeting for the team');
  await page.getByLabel('stack').fill('team');
  await page.getByLabel('greeting').fill('Good morning');
  await page.getByLabel('audience').fill('platform\nproduct');
  await accessible(page, 'the form');
  await picture(page, '2-form');
  await page.getByRole('button', { name: 'Submit the issue' }).click();
  await page.getByRole('heading', { name: 'A greeting for the team' }).waitFor();
}

async function planned(page) {
  // The answer comes by itself: nobody reloads the page.
  await seen(page, 'opened');
  await accessible(page, 'the issue');
  await page.locator('.timeline').getByRole('link', { name: /^#\d+$/ }).first().click();
  await seen(page, 'Plan: 3 to add, 0 to change, 0 to destroy');
  await page.locator('.state.open', { hasText: 'Open' }).waitFor();
  await seen(page, 'Waiting for approval');
  assert.equal(await page.evaluate(() => window.hit), undefined);
  await page.locator('.timeline summary', { hasText: 'team' }).click();
  await seen(page, 'module.greeting.terraform_data.greeting: create');
  await accessible(page, 'the plan');
  await picture(page, '3-plan');
  await page.getByRole('link', { name: 'Changed files' }).click();
  await seen(page, 'stacks/team/stack.yaml');
  await accessible(page, 'the changed files');
  await page.getByRole('link', { name: 'Conversation' }).click();
  await page.getByRole('button', { name: 'Approve' }).click();
  await seen(page, 'does not count');
}

/** From the check, over the sign-in, to the bot's own page of the plan. */
async function detailed(page, address) {
  const pull = page.url();
  await page.goto(`${address}${new URL(pull).pathname}`);
  await page.getByRole('link', { name: 'planwright', exact: true }).click();
  const details = page.getByRole('link', { name: 'Details' });
  const to = await details.getAttribute('href');
  await details.click();
  await page.getByRole('heading', { name: 'Plan planned' }).waitFor();
  assert.equal(page.url(), to);
  await seen(page, 'Signed in as alice');
  await seen(page, 'module.greeting.terraform_data.greeting');
  await page.getByText('Log of the engine').click();
  await seen(page, 'Plan to create');
  await accessible(page, 'the page of a run');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, '7-page-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await picture(page, '7-page');
  await page.setViewportSize({ width: 390, height: 820 });
  const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
  assert.equal(await page.evaluate(overflow), 0, 'it fits a phone');
  await accessible(page, 'the page of a run on a phone');
  await page.setViewportSize({ width: 1180, height: 820 });
  await page.goto(pull);
  await page.getByRole('link', { name: 'Steps, log and whole plan' }).click();
  await page.getByRole('heading', { name: 'Plan planned' }).waitFor();
  // By keyboard alone, past the head of the page.
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await page.goto(pull);
}

/** The page of an apply, opened while it goes on or just after: it follows by itself to the end. */
async function followed(page) {
  const pull = page.url();
  await page.getByRole('link', { name: 'Steps, log and whole plan' }).click();
  await page.getByRole('heading', { name: 'Apply applied' }).waitFor();
  await seen(page, 'Verify');
  await page.goto(pull);
}

/** An engine that takes its time and says so. */
const SLOW = `#!/bin/sh
if [ "$1" = plan ]; then for n in 1 2 3 4 5 6 7 8; do echo "waiting, $n"; sleep 0.5; done; fi
exec terraform "$@"
`;

/** The page of a plan grows while the engine is at work, and asks no more when it has ended. */
async function watched(page, address) {
  await page.goto(`${address}/acme/infra/edit/main/stacks/newsletter/stack.yaml`);
  const text = page.getByLabel('Text');
  await text.fill((await text.inputValue()).replace('Good news', 'Best news'));
  await page.getByRole('button', { name: 'Commit the change' }).click();
  await page.getByRole('link', { name: 'planwright', exact: true }).click();
  await page.getByRole('link', { name: 'Details' }).click();
  await page.getByRole('heading', { name: 'Plan in progress' }).waitFor();
  await page.getByText('waiting, 2').waitFor();
  await accessible(page, 'the page of a run that goes on');
  const summary = page.getByText('Log of the engine');
  await summary.click();
  await summary.evaluate((it) => { it.dataset.mine = 'yes'; });
  await page.getByRole('heading', { name: 'Plan planned' }).waitFor();
  await page.getByText('Waiting for approval').waitFor();
  assert.equal(await page.locator('.log[open] summary[data-mine=yes]').count(), 0, 'it stays folded');
  assert.equal(await page.locator('summary[data-mine=yes]').count(), 1, 'and is the same');
  assert.match(await page.locator('.log pre').textContent(), /waiting, 8[^]*Plan to create/);
  let asked = 0;
  page.on('request', () => { asked += 1; });
  await page.waitForTimeout(2500);
  assert.equal(asked, 0, 'a run that has ended is asked for no more');
}

async function approved(page) {
  await become(page, 'bob');
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.locator('.merge .dot.open').waitFor();
  await seen(page, 'approved by 1 of 1');
  await picture(page, '4-approved');
}

async function applied(page) {
  await page.getByRole('button', { name: 'Merge', exact: true }).click();
  await page.locator('.state.merged').waitFor();
  await seen(page, 'Applied');
  await seen(page, 'a second plan is empty');
  await page.locator('.timeline summary', { hasText: 'team' }).click();
  await seen(page, 'Good morning, platform');
  await accessible(page, 'the applied change');
  await picture(page, '5-applied');
}

async function drifted(page, address) {
  const pull = page.url();
  await page.goto(address);
  await page.locator('.step.done').nth(3).waitFor();
  await page.getByRole('button', { name: 'by hand' }).click();
  await page.goto(pull);
  await page.getByLabel('Comment as bob').fill('/infra drift');
  await page.getByRole('button', { name: 'Comment', exact: true }).click();
  await seen(page, 'Boo');
  await picture(page, '6-drift');
}

async function guarded(page) {
  await page.getByLabel('Comment as bob').fill(HOSTILE);
  await page.getByRole('button', { name: 'Comment', exact: true }).click();
  await seen(page, 'or here');
  await page.waitForTimeout(500);
  assert.equal(await page.evaluate(() => window.hit), undefined, 'something in a comment ran');
  assert.equal(await page.locator('.timeline img, .timeline script, .timeline style').count(), 0);
  assert.equal(await page.locator('.timeline a[href^="javascript"]').count(), 0);
}

/** A person changes a value of a stack by hand, and then deletes the stack. */
async function edited(page, address) {
  await page.goto(`${address}/acme/infra`);
  for (const name of ['stacks (folder)', 'newsletter (folder)', 'stack.yaml']) {
    await page.getByRole('link', { name, exact: true }).click();
  }
  await page.getByRole('link', { name: 'Edit' }).click();
  const text = page.getByLabel('Text');
  await text.fill((await text.inputValue()).replace('Good news', 'Great news'));
  await accessible(page, 'the page to edit a file');
  await page.getByRole('button', { name: 'Commit the change' }).click();
  await seen(page, 'Plan: 2 to add');
  await page.getByRole('link', { name: 'Changed files' }).click();
  await page.locator('tr.add', { hasText: 'greeting: Great news' }).waitFor();
  await page.locator('tr.del', { hasText: 'greeting: Good news' }).waitFor();
  await page.goto(`${address}/acme/infra/delete/main/stacks/newsletter`);
  await page.getByRole('button', { name: 'Commit the deletion' }).click();
  await seen(page, 'nothing would change');
}

/** Reading and typing are left alone while others write. */
async function leftAlone(page, address) {
  const box = page.getByLabel('Comment as bob');
  await box.fill('half a thought');
  await box.focus();
  const summary = page.locator('.timeline summary', { hasText: 'team' }).first();
  await summary.evaluate((it) => { it.parentElement.open = true; it.dataset.mine = 'yes'; });
  const answer = await fetch(`${page.url().replace(/#.*/, '')}/comment`, {
    method: 'POST',
    headers: { origin: address, cookie: 'fakehub_person=carol' },
    body: new URLSearchParams({ body: 'So do I' }),
    redirect: 'manual',
  });
  assert.equal(answer.status, 303);
  await seen(page, 'So do I');
  assert.equal(await box.inputValue(), 'half a thought');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'comment');
  assert.equal(await page.locator('.timeline summary[data-mine=yes]').count(), 1);
}

const data = mkdtempSync(join(tmpdir(), 'planwright-browser-'));
rmSync(pictures, { recursive: true, force: true });
mkdirSync(pictures, { recursive: true });
const complaints = [];
let running = await demo(data, 0);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});
try {
  const context = await browser.newContext({ viewport: { width: 1180, height: 820 } });
  let page = await opened(context, complaints);
  const { address } = running;
  await asked(page, address);
  await planned(page);
  await detailed(page, address);
  await approved(page);
  await applied(page);
  await followed(page);
  await drifted(page, address);
  await guarded(page);
  await leftAlone(page, address);
  const pull = page.url().replace(/#.*/, '');
  const before = await conversation(page);
  await edited(page, address);
  await page.close();

  await ended(running);
  running = await demo(data, Number(new URL(address).port));
  page = await opened(context, complaints);
  await page.goto(pull);
  assert.equal(await conversation(page), before, 'a restart keeps it all');
  await page.goto(address);
  assert.equal(await page.locator('.step.done').count(), 5);

  await page.getByRole('link', { name: 'To the pull request' }).first().click();
  await page.getByRole('link', { name: 'planwright', exact: true }).click();
  await page.getByRole('heading', { name: 'planwright' }).waitFor();
  await accessible(page, 'the check run');
  await page.close();

  const plain = await browser.newContext({ javaScriptEnabled: false });
  page = await opened(plain, complaints);
  await page.goto(pull);
  await seen(page, 'Applied');
  await page.close();

  await ended(running);
  running = await demo(data, 0, '--reset');
  page = await opened(context, complaints);
  await page.goto(running.address);
  assert.equal(await page.locator('.step.done').count(), 0, 'a reset starts anew');
  await page.close();

  await ended(running);
  const slow = join(data, '..', `${basename(data)}-terraform`);
  writeFileSync(slow, SLOW, { mode: 0o755 });
  running = await demo(data, 0, '--reset', '--engine', slow);
  page = await opened(context, complaints);
  await watched(page, running.address);
  rmSync(slow);
  assert.deepEqual(complaints, [], 'the browser complained');
  console.log(`five steps, a restart and a reset, seven pictures in ${pictures}`);
} finally {
  await browser.close();
  await ended(running);
  rmSync(data, { recursive: true, force: true });
}
