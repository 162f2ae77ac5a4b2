import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseTrainOptions } from '../../../src/cli/train/options.ts';
import { message } from '../../support/message.ts';

const test = suite('options of normgrad train');

const parse = (line: string) => parseTrainOptions(line === '' ? [] : line.split(' '))!;

test('the defaults are six trainings on synthetic digits', () => {
  assert.equal(parse(''), {
    preset: 'plain',
    norms: ['none', 'layer', 'rms', 'batch', 'instance', 'group'],
    data: null,
    trainSize: 1500,
    testSize: 500,
    epochs: 8,
    batch: 16,
    lr: 0.1,
    gain: 1,
    seed: 1,
    workers: 1,
    out: 'runs',
  });
});

test('a folder of digits is used in full unless a size is given', () => {
  const { data, trainSize, testSize } = parse('--data digits --test-size 7');
  assert.equal([data, trainSize, testSize], ['digits', null, 7]);
});

test('what is given goes before what the preset says', () => {
  const { lr, batch, gain, preset } = parse('--preset bad-init --lr 0.5');
  assert.equal([preset, lr, batch, gain], ['bad-init', 0.5, 16, 0.05]);
  assert.is(parse('--preset small-batch').batch, 2);
  assert.is(parse('--preset small-batch --batch 3').batch, 3);
  assert.is(parse('--preset high-lr').lr, 0.5);
  assert.is(parse('--preset bad-init --gain 10').gain, 10);
});

test('without normalization comes first, and each norm once', () => {
  assert.equal(parse('--norm group,batch,group').norms, ['none', 'group', 'batch']);
  assert.equal(parse('--norm none').norms, ['none']);
  const { norms } = parse('--norm all');
  for (const slug of ['none', 'layer', 'rms', 'batch', 'instance', 'group']) assert.ok(norms.includes(slug), slug);
});

test('norms of weights are trained alone and with every norm that is asked for, which is none unless said', () => {
  assert.equal(parse('--weight-norm weight').norms, ['none', 'weight']);
  assert.equal(parse('--norm group --weight-norm weight-standardization,weight').norms, [
    'none',
    'weight-standardization',
    'weight',
    'group',
    'group + weight-standardization',
    'group + weight',
  ]);
  assert.equal(parse('--norm group --weight-norm none').norms, ['none', 'group']);
  const all = parse('--weight-norm all').norms;
  for (const slug of ['weight', 'spectral', 'weight-standardization']) assert.ok(all.includes(slug), slug);
  assert.not.ok(all.includes('group'));
});

test('a seed of 0 is a seed', () => {
  assert.is(parse('--seed 0').seed, 0);
});

test('--help is no training', () => {
  assert.is(parseTrainOptions(['--epochs', '0', '-h']), null);
});

test('each wrong option has its message', () => {
  const cases: Record<string, string> = {
    '--epoch 3': "Unknown option '--epoch'",
    more: "Unexpected argument 'more'",
    '--norm nope': '--norm: there is no norm "nope"; use ',
    '--norm ': '--norm: there is no norm ""; use ',
    '--norm weight': '--norm: weight goes with --weight-norm; use ',
    '--norm virtual-batch': '--norm: virtual-batch cannot stand in this classifier; use ',
    '--weight-norm nope': '--weight-norm: there is no norm "nope"; use ',
    '--weight-norm group': '--weight-norm: group goes with --norm; use ',
    '--preset nope': '--preset must be one of plain, high-lr, bad-init, small-batch, got "nope"',
    '--preset toString': '--preset must be one of plain, high-lr, bad-init, small-batch, got "toString"',
    '--epochs 0': '--epochs must be an integer of at least 1 and below 2^32, got "0"',
    '--batch 1.5': '--batch must be an integer of at least 1 and below 2^32, got "1.5"',
    '--train-size x': '--train-size must be an integer of at least 1 and below 2^32, got "x"',
    '--seed=-1': '--seed must be an integer of at least 0 and below 2^32, got "-1"',
    '--seed 4294967296': '--seed must be an integer of at least 0 and below 2^32, got "4294967296"',
    '--workers 0': '--workers must be an integer of at least 1 and below 2^32, got "0"',
    '--workers 17': '--workers must be at most the 16 samples of a batch, got "17"',
    '--preset small-batch --workers 3': '--workers must be at most the 2 samples of a batch, got "3"',
    '--lr 0': '--lr must be a number above 0, got "0"',
    '--lr Infinity': '--lr must be a number above 0, got "Infinity"',
    '--lr ': '--lr must be a number above 0, got ""',
    '--gain x': '--gain must be a number above 0, got "x"',
    '--out ': '--out must name a folder, got ""',
    '--data ': '--data must name a folder, got ""',
    '--lr': "Option '--lr <value>' argument missing",
  };
  for (const [line, wanted] of Object.entries(cases)) {
    const got = message(() => parse(line));
    assert.ok(got.startsWith(`UsageError: ${wanted}`), `${line}: ${got}`);
  }
});

test.run();
