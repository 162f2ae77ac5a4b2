/**
 * The protocol of `normgrad check` for JavaScript: one JSON object a line, in and out. Copy this file; nothing in it
 * needs a change.
 *
 * A norm is a function of a case and one of its calls, `(asked, call, state) => ({ outputs, grads, stateAfter })`, over
 * tensors {shape, data} whose data are a Float32Array or a Float64Array. `asked.config` holds the options,
 * `asked.params` and `call.inputs` what the gradient is asked of, `call.gradOutputs` the weights of the outputs,
 * `call.mode` 'train' or 'eval'. `state` runs on from call to call: put its new tensors there. A part that is left out
 * of the answer is reported as untested.
 */
import { createInterface } from 'node:readline';

/** Thrown for a case that the implementation does not have. */
export class Skipped extends Error {}

/** Thrown for a case that is invalid, as a shape that does not fit or a negative eps. */
export class Rejected extends Error {}

function tensorFromJson({ shape, data, dtype: stored, b64 }, dtype) {
  const Kind = dtype === 'float64' ? Float64Array : Float32Array;
  if (b64 === undefined) return { shape, data: Kind.from(data, Number) }; // "NaN", "Infinity", "-Infinity" and "-0" are strings
  const bytes = Uint8Array.from(Buffer.from(b64, 'base64'));
  return { shape, data: Kind.from(stored === 'float64' ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer)) };
}

const optionFromJson = (value) => (['NaN', 'Infinity', '-Infinity', '-0'].includes(value) ? Number(value) : value);

function tensorToJson({ shape, data }) {
  return { shape, data: Array.from(data, (value) => (Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value))) };
}

const mapValues = (record, change) => Object.fromEntries(Object.entries(record ?? {}).map(([name, value]) => [name, change(value)]));

async function run(norms, asked) {
  if (!Object.hasOwn(norms, asked.norm)) throw new Skipped(`no ${asked.norm} norm here`);
  const dtype = asked.dtype ?? 'float32';
  const read = (tensors) => mapValues(tensors, (tensor) => tensorFromJson(tensor, dtype));
  const own = { config: mapValues(asked.config, optionFromJson), params: read(asked.params), dtype };
  const state = read(asked.state);
  const results = [];
  for (const { mode = 'train', op, inputs, gradOutputs } of asked.calls) {
    const call = { mode, op, inputs: read(inputs), gradOutputs: read(gradOutputs) };
    results.push(mapValues(await norms[asked.norm](own, call, state), (tensors) => mapValues(tensors, tensorToJson)));
  }
  return results;
}

/** Answers messages until `stop` or the end of the input. `implementation` is {name, language, version}. */
export async function serve(implementation, norms, { dtypes = ['float32'], features = ['state', 'eval'] } = {}) {
  console.log = console.error; // a line of a norm must not get between the messages
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    if (line.trim() === '') continue;
    const { cmd, seq, case: asked } = JSON.parse(line);
    if (cmd === 'stop') break;
    let reply = { version: 1, implementation, norms: Object.keys(norms), dtypes, features };
    if (cmd === 'run') {
      try {
        reply = { seq, results: await run(norms, asked) };
      } catch (error) {
        const kind = error instanceof Skipped ? 'skipped' : error instanceof Rejected ? 'rejected' : 'errored';
        reply = { seq, [kind]: true, message: error.message, ...(kind === 'errored' && { traceback: error.stack }) };
      }
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
}
