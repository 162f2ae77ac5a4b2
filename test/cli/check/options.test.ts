import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCheckOptions } from '../../../src/cli/check/options.ts';
import { catalog } from '../../../src/norms/catalog.ts';
import { message } from '../../support/message.ts';

const test = suite('options of normgrad check');
const command = ['--', 'python3', 'mine.py', '--fast'];

test('what is not given has its default', () => {
  const { entries, ...rest } = parseCheckOptions(['layer', ...command])!;
  assert.equal(entries.map(({ slug }) => slug), ['layer']);
  assert.equal(rest, {
    all: false,
    command: ['python3', 'mine.py', '--fast'],
    profile: 'standard',
    only: null,
    timeout: 30_000,
    startTimeout: 60_000,
    runs: 100,
    seed: 1,
    dtypes: null,
    phases: null,
    xfail: null,
    report: null,
    shard: { at: 1, of: 1 },
    shrink: true,
  });
});

test('every option is read, and what stands behind -- is left to the command', () => {
  const args = [
    ...['batch', 'group', 'batch', '--runs', '7', '--seed', '0', '--dtype', 'float64, float32,float64', '--phase', 'single,invalid'],
    ...['--profile', 'tight', '--only', 'backward', '--timeout', '.5', '--start-timeout', '2', '--xfail', 'a', '--report', 'b'],
    ...['--shard', '2/3', '--no-shrink', '--', 'x', '--runs', 'y', '--', 'z'],
  ];
  const { entries, ...rest } = parseCheckOptions(args)!;
  assert.equal(entries.map(({ slug }) => slug), ['batch', 'group']);
  assert.equal(rest, {
    all: false,
    command: ['x', '--runs', 'y', '--', 'z'],
    profile: 'tight',
    only: 'backward',
    timeout: 500,
    startTimeout: 2000,
    runs: 7,
    seed: 0,
    dtypes: ['float64', 'float32'],
    phases: ['single', 'invalid'],
    xfail: 'a',
    report: 'b',
    shard: { at: 2, of: 3 },
    shrink: false,
  });
});

test('all is every norm', () => {
  const { entries, all } = parseCheckOptions(['all', ...command])!;
  assert.is(all, true);
  assert.is(entries.length, catalog.length);
});

test('--help asks for nothing else, but behind -- it is the command that is asked', () => {
  assert.is(parseCheckOptions(['--help']), null);
  assert.is(parseCheckOptions(['-h', '--', 'x']), null);
  assert.equal(parseCheckOptions(['layer', '--', 'x', '--help'])!.command, ['x', '--help']);
});

test('each wrong option is a usage error that says what it should have been', () => {
  const table: [string[], RegExp][] = [
    [[...command], /^UsageError: name a norm, or all/],
    [['layr', ...command], /there is no norm "layr"/],
    [['layer'], /the command of the harness stands behind --/],
    [['layer', '--'], /the command of the harness stands behind --/],
    [['layer', '--runs', '0', ...command], /--runs must be an integer of at least 1/],
    [['layer', '--seed', '-1', ...command], /--seed/],
    [['layer', '--dtype', 'float32,half', ...command], /--dtype must be float32 or float64, got "half"/],
    [['layer', '--phase', 'odd', ...command], /--phase must be regular or .* got "odd"/],
    [['layer', '--profile', 'strict', ...command], /--profile must be tight or standard or loose, got "strict"/],
    [['layer', '--only', 'sideways', ...command], /--only must be forward or backward/],
    [['layer', '--timeout', '0', ...command], /--timeout must be a number of seconds above 0/],
    [['layer', '--timeout', '1e9', ...command], /--timeout must be a number of seconds/],
    [['layer', '--start-timeout', 'soon', ...command], /--start-timeout must be/],
    [['layer', '--shard', '3/2', ...command], /--shard must be i\/n/],
    [['layer', '--shard', '0/2', ...command], /--shard must be i\/n/],
    [['layer', '--xfail', '', ...command], /--xfail must name a file/],
    [['layer', '--report', '', ...command], /--report must name a file/],
    [['layer', '--speed', '9', ...command], /Unknown option '--speed'/],
  ];
  for (const [args, expected] of table) assert.match(message(() => parseCheckOptions(args)), expected, args.join(' '));
});

test.run();
