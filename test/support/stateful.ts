/**
 * Model-based test of a norm that carries state: random sequences of training and evaluation calls, saving, loading,
 * and batches of other sizes, held against a model in plain numbers.
 */
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { backward } from '../../src/autograd/backward.ts';
import { sum } from '../../src/autograd/sum.ts';
import type { Layer, StateDict } from '../../src/nn/module.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { fromArray } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { runsOf } from './property.ts';
import { seed } from './seed.ts';

/** State in plain numbers, by the names of the buffers. */
export type PlainState = Record<string, readonly number[]>;

/** A norm and its model. */
export interface StatefulSubject {
  /** A new norm in float64, with options of the given variant. */
  readonly make: (variant: number) => Layer;
  /** How many variants there are. */
  readonly variants: number;
  readonly initial: PlainState;
  /** The state after a training call, and after its backward from a gradient of ones where there was one. */
  readonly step: (state: PlainState, x: Tensor, variant: number, wentBackward: boolean) => PlainState;
  /** Batches it takes. */
  readonly shapes: readonly Shape[];
}

interface Model {
  state: PlainState;
  saved: PlainState | null;
}

interface Real {
  norm: Layer;
  saved: StateDict | null;
}

/** Checks a subject over random sequences. */
export function checkStateful({ make, variants, initial, step, shapes }: StatefulSubject): void {
  const batch = fc
    .record({ shape: fc.constantFrom(...shapes), start: fc.integer({ min: -20, max: 20 }), stride: fc.integer({ min: 1, max: 9 }) })
    .map(({ shape, start, stride }) => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      return { shape, values: Array.from({ length: size }, (_, i) => (start + ((i * stride) % 11)) / 8) };
    });
  const input = ({ shape, values }: { shape: Shape; values: number[] }): Tensor =>
    fromArray(Float64Array.from(values), shape, { requiresGrad: true });
  const buffers = (norm: Layer): PlainState =>
    Object.fromEntries(norm.namedBuffers().map(([name, held]) => [name, Array.from(held.data)]));
  const agree = (model: Model, { norm }: Real): void => {
    const got = buffers(norm);
    assert.equal(Object.keys(got), Object.keys(model.state));
    for (const [name, want] of Object.entries(model.state)) {
      want.forEach((value, i) => {
        const fine = Math.abs(got[name]![i]! - value) <= 1e-12 * Math.max(1, Math.abs(value));
        assert.ok(fine, `${name}[${i}]: got ${got[name]![i]}, the model has ${value}`);
      });
    }
  };
  const command = (name: string, run: (model: Model, real: Real) => void): fc.Command<Model, Real> => ({
    check: () => true,
    run(model, real) {
      run(model, real);
      agree(model, real);
    },
    toString: () => name,
  });
  for (let variant = 0; variant < variants; variant++) {
    const commands = fc.commands(
      [
        batch.map((made) =>
          command(`train [${made.shape}]`, (model, { norm }) => {
            const x = input(made);
            backward(sum(norm.train().forward(x)));
            model.state = step(model.state, x, variant, true);
          }),
        ),
        batch.map((made) =>
          command(`train without backward [${made.shape}]`, (model, { norm }) => {
            const x = input(made);
            norm.train().forward(x);
            model.state = step(model.state, x, variant, false);
          }),
        ),
        batch.map((made) =>
          command(`eval [${made.shape}]`, (_, { norm }) => {
            const before = buffers(norm);
            backward(sum(norm.eval().forward(input(made))));
            assert.equal(buffers(norm), before);
          }),
        ),
        fc.constant(
          command('save', (model, real) => {
            model.saved = model.state;
            real.saved = real.norm.stateDict();
          }),
        ),
        fc.constant(
          command('load', (model, real) => {
            if (!real.saved || !model.saved) return;
            real.norm.loadStateDict(real.saved);
            model.state = model.saved;
          }),
        ),
        fc.constant(
          command('move to a new norm', (_, real) => {
            const next = make(variant);
            next.loadStateDict(real.norm.stateDict());
            real.norm = next;
          }),
        ),
      ],
      { maxCommands: 12 },
    );
    fc.assert(
      fc.property(commands, (sequence) => {
        const setup = (): { model: Model; real: Real } => ({
          model: { state: initial, saved: null },
          real: { norm: make(variant), saved: null },
        });
        fc.modelRun(setup, sequence);
      }),
      { seed: seed(), numRuns: runsOf(30) },
    );
  }
}
