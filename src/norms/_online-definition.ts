/**
 * The stream of online norm composed from primitives, sample by sample, with the published backward: around the
 * normalization of each sample stand two identities whose pullbacks are the two steps of the control process.
 *
 * A backward pass visits the newest operation first. The samples are therefore put together from the last one to the
 * first one, so that the first is the one that goes backward first.
 */
import { add } from '../autograd/add.ts';
import { concat } from '../autograd/concat.ts';
import { div } from '../autograd/div.ts';
import { mean } from '../autograd/mean.ts';
import { mul } from '../autograd/mul.ts';
import { detach, noGrad, type Op, record } from '../autograd/record.ts';
import { reshape } from '../autograd/reshape.ts';
import { slice } from '../autograd/slice.ts';
import { square } from '../autograd/square.ts';
import { sqrt } from '../autograd/sqrt.ts';
import { sub } from '../autograd/sub.ts';
import { variance } from '../autograd/variance.ts';
import { assign } from '../tensor/assign.ts';
import { copy } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { OnlineState } from './_online.ts';

interface StreamOptions {
  readonly alphaFwd: number;
  readonly alphaBkw: number;
  readonly eps: number;
}

/** `y` of x `[N, C, S]`, each sample normalized with what was there before it. */
export function streamDefinition(x: Tensor, state: OnlineState, options: StreamOptions): Tensor {
  const samples = x.shape[0]!;
  const past = noGrad(() => Array.from({ length: samples }, (_, t) => step(slice(x, 0, t, t + 1), state, options)));
  const y = new Array<Tensor>(samples);
  for (let t = samples - 1; t >= 0; t--) {
    const { mu, sigma } = past[t]!;
    const centred = sub(feedBackMean(slice(x, 0, t, t + 1), state, options), mu);
    y[t] = feedBackProj(div(centred, sigma), state, options);
  }
  return samples === 0 ? x : concat(y, 0);
}

/** The statistics before a sample `[1, C, S]`; moves the state on to those behind it. */
function step(x: Tensor, { runningMean, runningVar }: OnlineState, { alphaFwd, eps }: StreamOptions): { mu: Tensor; sigma: Tensor } {
  const past = { mu: column(runningMean), sigma: sqrt(add(column(runningVar), eps)) };
  if (alphaFwd === 1) return past;
  const m = reshape(mean(x, { axis: 2 }), runningMean.shape);
  const s2 = reshape(variance(x, { axis: 2 }), runningVar.shape);
  const away = sub(m, runningMean);
  const drift = mul(square(away), alphaFwd * (1 - alphaFwd));
  assign(runningVar, add(add(mul(runningVar, alphaFwd), mul(s2, 1 - alphaFwd)), drift));
  assign(runningMean, add(runningMean, mul(away, 1 - alphaFwd)));
  return past;
}

/** `[C]` as `[1, C, 1]`, in memory of its own. */
function column(values: Tensor): Tensor {
  return reshape(copy(values), [1, -1, 1]);
}

interface ControlSaved {
  readonly k: number;
  readonly errors: Pick<OnlineState, 'errorMean' | 'errorProj'>;
}

/** x itself; going backward `dx = da - k errorMean`, and errorMean grows by the mean of dx. */
function feedBackMean(x: Tensor, errors: ControlSaved['errors'], { alphaBkw }: StreamOptions): Tensor {
  return record(feedBackMeanOp, [x], { k: 1 - alphaBkw, errors }, detach(x));
}

const feedBackMeanOp: Op<ControlSaved> = {
  name: 'onlineNormDefinition',
  exact: true,
  moves: ['errors'],
  pullback(da, { k, errors: { errorMean } }) {
    const dx = sub(da, mul(column(errorMean), k));
    assign(errorMean, add(errorMean, reshape(mean(dx, { axis: 2 }), errorMean.shape)));
    return [dx];
  },
};

/** y itself; going backward `a = dy - k errorProj y`, and errorProj grows by the mean of a y. */
function feedBackProj(y: Tensor, errors: ControlSaved['errors'], { alphaBkw }: StreamOptions): Tensor {
  return record(feedBackProjOp, [y], { y, k: 1 - alphaBkw, errors }, detach(y));
}

const feedBackProjOp: Op<ControlSaved & { y: Tensor }> = {
  name: 'onlineNormDefinition',
  exact: true,
  moves: ['errors'],
  pullback(dy, { y, k, errors: { errorProj } }) {
    const a = sub(dy, mul(mul(column(errorProj), k), y));
    assign(errorProj, add(errorProj, reshape(mean(mul(a, y), { axis: 2 }), errorProj.shape)));
    return [a];
  },
};
