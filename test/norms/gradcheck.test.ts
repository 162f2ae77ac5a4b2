/** The gradients of every norm, first and second, against differences of the norm itself. */
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { detach, noGrad, type Op, record } from '../../src/autograd/record.ts';
import { gradcheck, type GradcheckResult } from '../../src/autograd/gradcheck.ts';
import type { Call, Form, Mode, Tensors } from '../../src/norms/catalog/entry.ts';
import { leaves } from '../../src/oracle/case.ts';
import type { NormCase } from '../../src/oracle/generate/norm-case.ts';
import { copy } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose } from '../support/assertions.ts';
import { listed } from '../support/listed.ts';
import { normCases } from '../support/norm-case.ts';
import { check } from '../support/property.ts';
import { replayed } from '../support/replayed.ts';

const test = suite('gradcheck of norms');

/** The mode of the first call; evaluation where the gradient of a training call is not the derivative of that call. */
function modeOf({ entry: { heldState = false, published }, plan: { config, modes } }: NormCase): Mode {
  const held = typeof heldState === 'function' ? heldState(config) : heldState;
  return held || published ? 'eval' : modes[0]!;
}

/**
 * The norm as a function of its parameters and inputs, with the state as it is before the first call; with other options
 * and in another mode than the case where they are given.
 */
function functionOf(found: NormCase, form: Form, other: { config?: object; mode?: Mode } = {}) {
  const { entry, params, state, calls, ...rest } = found.toCase('float64');
  const { op, inputs, gradOutputs } = calls[0]!;
  const config = { ...rest.config, ...other.config };
  const mode = other.mode ?? modeOf(found);
  const weights = leaves(params, (name) => !entry.frozen?.(config).includes(name));
  const running = leaves(state, false);
  const once = { config, params: weights, state: running, mode, ...(op !== undefined && { op }), inputs };
  // what a call sets from its data is constant from then on: the derivative is that with the values it has set
  if (entry.sets) noGrad(() => entry.apply(form, once));
  const all = { ...weights, ...leaves(inputs, (name) => !entry.constants?.includes(name)) };
  // labels and choices are held: a check that moves them by a rounding would ask for the impossible
  const given = Object.fromEntries(Object.entries(all).filter(([name]) => !entry.whole?.includes(name)));
  const names = Object.keys(given);
  const called = (apply: (call: Call) => Tensors) => (...values: Tensor[]): Tensor[] => {
    const by = { ...all, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
    const pick = (from: object): Record<string, Tensor> => Object.fromEntries(Object.keys(from).map((name) => [name, by[name]!]));
    return Object.values(apply({ config, params: pick(params), state: leaves(running, false), mode, ...(op !== undefined && { op }), inputs: pick(inputs) }));
  };
  const f = called((call) => entry.apply(form, call));
  const held = entry.held?.(form, { ...once, state: leaves(running, false) });
  const spread = names.map((name) => (name in inputs ? found.spread(name) : undefined));
  return { f, still: held ? called(held) : f, given: Object.values(given), weights: Object.values(leaves(gradOutputs, true)), spread };
}

/** The gradients of the inputs that want one, of the outputs weighted by `dys`. */
function gradientOf(outputs: readonly Tensor[], inputs: readonly Tensor[], dys: readonly Tensor[], createGraph: boolean): Tensor[] {
  const used = outputs.flatMap((y, i) => (y.requiresGrad ? [i] : []));
  return grad(used.map((i) => outputs[i]!), inputs.filter((x) => x.requiresGrad), {
    gradOutputs: used.map((i) => dys[i]!),
    createGraph,
    allowUnused: true,
  });
}

/**
 * A function with the gradients of `f` and the values of `still`, which is equal to it at the inputs and holds what the
 * gradient takes for a constant.
 */
function valuedBy(still: Listed, f: Listed): Listed {
  if (still === f) return f;
  return (...values) => {
    const fixed = still(...values);
    return f(...values).map((y, i) => record(valuedOp, [y], {}, copy(fixed[i]!)));
  };
}

type Listed = (...values: Tensor[]) => Tensor[];
const valuedOp: Op<object> = { name: 'valued', exact: true, pullback: (dy) => [dy] };

/** Whether differences can show the derivative: not at a kink, as the tie of a maximum. */
function smooth(found: NormCase): boolean {
  const { entry, config, params, state, calls } = found.toCase('float64');
  const { op, inputs } = calls[0]!;
  const mode = modeOf(found);
  return entry.smooth?.({ config, params, state, mode, ...(op !== undefined && { op }), inputs }) ?? true;
}

function judge(result: GradcheckResult, counts: { total: number; inconclusive: number }): void {
  counts.total++;
  if (result.inconclusive) counts.inconclusive++;
  assert.ok(result.passed, result.message);
}

for (const entry of listed) {
  const where = entry.published ? ' in evaluation' : '';
  for (const form of ['fused', 'definition'] as const) {
    test(`${entry.slug}: the gradient of the ${form} form is its derivative${where}`, () => {
      const counts = { total: 0, inconclusive: 0 };
      check(
        fc.property(normCases(entry, { fits: smooth }), (found) => {
          const { f, still, given, spread } = functionOf(found, form);
          judge(gradcheck(valuedBy(still, f), given, { spread, directions: 1 }), counts);
        }),
        { runs: form === 'fused' ? 20 : 10 },
      );
      assert.ok(counts.inconclusive <= Math.max(1, 0.02 * counts.total), `${counts.inconclusive} of ${counts.total} inconclusive`);
    });

    if (!entry.published) continue;
    const { exactWith } = entry.published;
    test(`${entry.slug}: the published gradient of the ${form} form in training is the derivative with ${JSON.stringify(exactWith)}`, () => {
      const counts = { total: 0, inconclusive: 0 };
      check(
        fc.property(normCases(entry, { fits: smooth }), (found) => {
          const { f, given, spread } = functionOf(found, form, { config: exactWith, mode: 'train' });
          judge(gradcheck(replayed(f), given, { spread, directions: 1 }), counts);
        }),
        { runs: 10 },
      );
      assert.ok(counts.inconclusive <= 1, `${counts.inconclusive} of ${counts.total} inconclusive`);
    });
  }

  test(`${entry.slug}: the gradient that can be differentiated again is the plain one${where}`, () => {
    check(
      fc.property(normCases(entry, { among: ['benign', 'outlier'], fits: smooth }), (found) => {
        const { f, given, weights } = functionOf(found, 'fused');
        const inputs = given.map((x) => copy(x, { requiresGrad: x.requiresGrad }));
        const plain = gradientOf(f(...inputs), inputs, weights, false);
        gradientOf(f(...inputs), inputs, weights, true).forEach((again, i) => assertClose(detach(again), plain[i]!, 1e-9));
      }),
      { runs: 10 },
    );
  });

  test(`${entry.slug}: the second derivative is the derivative of the gradient${where}`, () => {
    const counts = { total: 0, inconclusive: 0 };
    check(
      fc.property(normCases(entry, { among: ['benign', 'outlier'], fits: smooth }), (found) => {
        const { f, still, given, weights, spread } = functionOf(found, 'fused');
        const vjpOf = (of: Listed) => (...values: Tensor[]): Tensor[] => {
          const inputs = values.slice(0, given.length);
          return gradientOf(of(...inputs), inputs, values.slice(given.length), true);
        };
        const vjp = vjpOf(f);
        judge(gradcheck(valuedBy(still === f ? vjp : vjpOf(still), vjp), [...given, ...weights], { spread: [...spread], directions: 1 }), counts);
      }),
      { runs: 6 },
    );
  });
}

test.run();
