// Coding agents against Waybill: each reads a file with a tool of its own and tells what is in it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { query } from '@anthropic-ai/claude-agent-sdk';

const { WAYBILL_URL, WAYBILL_KEY, PATH } = process.env;
const programs = join(import.meta.dirname, 'node_modules', '.bin');
const prompt = 'What does note.txt say?';
const note = 'The harbour is frozen.';
const both = ['mock/gpt', 'mock/claude'];

// A home and a work folder of its own, and an environment in which nothing else is asked for.
function place() {
  const home = mkdtempSync(join(import.meta.dirname, 'home-'));
  const work = join(home, 'work');
  mkdirSync(work);
  writeFileSync(join(work, 'note.txt'), `${note}\n`);
  return { home, work, env: { PATH: `${programs}:${PATH}`, HOME: home, TMPDIR: home, WAYBILL_KEY } };
}

function claudeSettings(env, model) {
  return {
    ...env,
    ANTHROPIC_BASE_URL: WAYBILL_URL,
    ANTHROPIC_AUTH_TOKEN: WAYBILL_KEY,
    ANTHROPIC_MODEL: model,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
  };
}

function run(command, args, { work, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: work, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; });
    child.on('error', reject);
    child.on('close', (status) => (status === 0 ? resolve(out) : reject(new Error(`${command}: ${status}\n${out}\n${err}`))));
  });
}

for (const model of both) {
  test(`Claude Code on ${model}`, async () => {
    const at = place();
    at.env = claudeSettings(at.env, model);
    const told = JSON.parse(await run('claude', ['-p', prompt, '--allowedTools', 'Bash', '--output-format', 'json'], at));
    assert.equal(told.is_error, false);
    assert.equal(told.num_turns, 2);
    assert.equal(told.result, `The tool says: ${note}`);
  });

  test(`Claude Code on ${model} says which model is not there`, async () => {
    const at = place();
    at.env = { ...claudeSettings(at.env, 'no/such'), ANTHROPIC_DEFAULT_HAIKU_MODEL: model };
    await assert.rejects(run('claude', ['-p', prompt], at), /model/);
  });

  test(`Claude Agent SDK on ${model}`, async () => {
    const { work, env } = place();
    const seen = [];
    let result;
    for await (const message of query({
      prompt,
      options: { cwd: work, env: claudeSettings(env, model), model, allowedTools: ['Bash'], includePartialMessages: true, settingSources: [] },
    })) {
      seen.push(message.type);
      if (message.type === 'result') result = message;
    }
    assert.equal(result.subtype, 'success');
    assert.equal(result.result, `The tool says: ${note}`);
    assert.ok(seen.includes('stream_event'));
  });

  async function codex(extra) {
    const { home, work, env } = place();
    writeFileSync(join(home, 'config.toml'), `
model = "${model}"
model_provider = "waybill"
check_for_update_on_startup = false
${extra}
[analytics]
enabled = false
[model_providers.waybill]
name = "Waybill"
base_url = "${WAYBILL_URL}/v1"
env_key = "WAYBILL_KEY"
wire_api = "responses"
`);
    const args = ['exec', '--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', prompt];
    const out = await run('codex', args, { work, env: { ...env, CODEX_HOME: home } });
    const items = out.split('\n').filter((line) => line.startsWith('{')).map(JSON.parse)
      .filter((event) => event.type === 'item.completed').map((event) => event.item);
    assert.equal(items.find((item) => item.type === 'command_execution').exit_code, 0);
    assert.match(items.find((item) => item.type === 'agent_message').text, new RegExp(note));
  }

  test(`Codex on ${model}, without tools that only OpenAI has`, () => codex('web_search = "disabled"\nagents.enabled = false'));

  test(`Codex on ${model} as it comes`, { todo: 'its tools web_search and namespace are refused' }, () => codex(''));
}
