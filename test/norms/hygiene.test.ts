/** What every norm owes its caller besides numbers: nothing is written that is not its own, nothing is forgotten. */
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import { backward, grad } from '../../src/autograd/backward.ts';
import { add } from '../../src/autograd/add.ts';
import { mul } from '../../src/autograd/mul.ts';
import { noGrad } from '../../src/autograd/record.ts';
import { sum } from '../../src/autograd/sum.ts';
import type { Form, Mode, Tensors } from '../../src/norms/catalog/entry.ts';
import { type Case, leaves } from '../../src/oracle/case.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';
import { listed } from '../support/listed.ts';
import { normCases } from '../support/norm-case.ts';
import { check } from '../support/property.ts';

const test = suite('hygiene');

/** One call of a case in fresh memory: what it was given, and the sum of its outputs weighted by the cotangents. */
function called({ entry, config, params, state, calls }: Case, form: Form, index = 0) {
  const { mode, op, inputs, gradOutputs } = calls[index]!;
  const weights = leaves(params, (name) => !entry.frozen?.(config).includes(name));
  const given = leaves(inputs, (name) => !entry.constants?.includes(name));
  const running = leaves(state, false);
  const outputs = entry.apply(form, { config, params: weights, state: running, mode, ...(op !== undefined && { op }), inputs: given });
  const terms = Object.entries(outputs).map(([name, y]) => sum(mul(y, gradOutputs[name]!)));
  const wanted = Object.values({ ...weights, ...given }).filter((x) => x.requiresGrad);
  return { weights, given, running, outputs, loss: terms.reduce((a, b) => add(a, b)), wanted };
}

/** A case with all its calls in one mode. */
function inMode(asked: Case, mode: Mode): Case {
  return { ...asked, calls: asked.calls.map((call) => ({ ...call, mode })) };
}

function bits(x: Tensor): string {
  return Buffer.from(x.data.buffer, x.data.byteOffset, x.data.byteLength).toString('hex');
}

function allBits(tensors: Readonly<Tensors>): string[] {
  return Object.entries(tensors).map(([name, x]) => `${name} ${bits(x)}`);
}

for (const entry of listed) {
  for (const form of ['fused', 'definition'] as const) {
    const title = (sentence: string): string => `${entry.slug}, ${form}: ${sentence}`;

    test(title('inputs, parameters and cotangents are not written to'), () => {
      check(
        fc.property(normCases(entry), (found) => {
          const asked = found.toCase('float32');
          const { weights, given, outputs, wanted } = called(asked, form);
          const cotangents = leaves(asked.calls[0]!.gradOutputs, false);
          grad(Object.values(outputs).filter((y) => y.requiresGrad), wanted, {
            gradOutputs: Object.entries(outputs).filter(([, y]) => y.requiresGrad).map(([name]) => cotangents[name]!),
            allowUnused: true,
          });
          const kept = (tensors: Readonly<Tensors>): Tensors =>
            Object.fromEntries(Object.entries(tensors).filter(([name]) => !entry.sets?.includes(name)));
          assert.equal(allBits(kept(weights)), allBits(kept(asked.params)));
          assert.equal(allBits(given), allBits(asked.calls[0]!.inputs));
          assert.equal(allBits(cotangents), allBits(asked.calls[0]!.gradOutputs));
        }),
        { runs: 20 },
      );
    });

    test(title('gradients share no memory with each other or with anything given'), () => {
      check(
        fc.property(normCases(entry), (found) => {
          const { weights, given, running, outputs, loss, wanted } = called(found.toCase('float32'), form);
          backward(loss);
          const held = [...Object.values({ ...weights, ...given }), ...Object.values(running), ...Object.values(outputs)];
          const buffers = [...held, ...wanted.flatMap((x) => x.grad ?? [])].map((x) => x.data.buffer);
          assert.is(new Set(buffers).size, buffers.length);
        }),
        { runs: 20 },
      );
    });

    const again = 'a second backward of the same graph gives the same bits, and gradients accumulate';
    test(title(entry.published ? `in evaluation, ${again}` : again), () => {
      check(
        fc.property(normCases(entry), (found) => {
          const asked = found.toCase('float64');
          const { loss, wanted } = called(entry.published ? inMode(asked, 'eval') : asked, form);
          const once = grad([loss], wanted, { retainGraph: true, allowUnused: true });
          const twice = grad([loss], wanted, { retainGraph: true, allowUnused: true });
          assert.equal(once.map(bits), twice.map(bits));
          backward(loss, undefined, { retainGraph: true });
          backward(loss);
          wanted.forEach((x, i) => {
            if (x.grad) assert.equal(Array.from(x.grad.data), Array.from(once[i]!.data, (g) => 2 * g));
          });
        }),
        { runs: 20 },
      );
    });

    if (entry.published) {
      test(title('a training graph goes backward once, and what is refused changes nothing'), () => {
        check(
          fc.property(normCases(entry), (found) => {
            const { loss, running, wanted } = called(inMode(found.toCase('float64'), 'train'), form);
            const refused = (options: object, message: RegExp): void => {
              const before = allBits(running);
              const gradients = wanted.map((x) => x.grad);
              assertThrows(() => backward(loss, undefined, options), 'Error', message);
              assertThrows(() => grad([loss], wanted, { ...options, allowUnused: true }), 'Error', message);
              assert.equal(allBits(running), before);
              assert.ok(wanted.every((x, i) => x.grad === gradients[i]));
            };
            refused({ createGraph: true }, /has no higher derivative/);
            backward(loss, undefined, { retainGraph: true });
            refused({}, /goes backward once for each forward/);
            refused({ retainGraph: true }, /goes backward once for each forward/);
            refused({ createGraph: true }, /goes backward once for each forward/);
          }),
          { runs: 20 },
        );
      });

      test(title('evaluation leaves the state as it is in the backward too'), () => {
        check(
          fc.property(normCases(entry), (found) => {
            const { loss, running } = called(inMode(found.toCase('float64'), 'eval'), form);
            const before = allBits(running);
            backward(loss);
            assert.equal(allBits(running), before);
          }),
          { runs: 20 },
        );
      });
    }

    test(title('two forwards can go backward in either order'), () => {
      check(
        fc.property(normCases(entry), normCases(entry), (first, second) => {
          const gradients = (order: readonly number[]): string[][] => {
            const made = [first, second].map((found) => called(found.toCase('float64'), form));
            for (const i of order) backward(made[i]!.loss);
            return made.map(({ wanted }) => wanted.map((x) => (x.grad ? bits(x.grad) : '')));
          };
          assert.equal(gradients([0, 1]), gradients([1, 0]));
        }),
        { runs: 20 },
      );
    });

    test(title('outputs do not depend on whether gradients are recorded, and keep the dtype'), () => {
      check(
        fc.property(normCases(entry), fc.constantFrom('float32', 'float64'), (found, dtype) => {
          const asked = found.toCase(dtype);
          const recorded = called(asked, form);
          const bare = noGrad(() => called(asked, form));
          assert.equal(allBits(recorded.outputs), allBits(bare.outputs));
          assert.equal(allBits(recorded.running), allBits(bare.running));
          for (const y of Object.values(bare.outputs)) {
            assert.is(y.dtype, dtype);
            assert.is(y.requiresGrad, false);
          }
        }),
        { runs: 20 },
      );
    });

    test(title('evaluation leaves the state as it is, bit by bit'), () => {
      check(
        fc.property(normCases(entry), (found) => {
          const asked = found.toCase('float32');
          const { running } = called(inMode(asked, 'eval'), form);
          assert.equal(allBits(running), allBits(asked.state));
        }),
        { runs: 20 },
      );
    });
  }
}

test.run();
