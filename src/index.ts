/**
 * normgrad: every normalization layer of the field, forward and backward.
 *
 * Everything public is here. `normgrad/norms/<slug>.js` has one norm and what it needs.
 */

// Tensors
export { assign } from './tensor/assign.ts';
export { type ConvOptions, convShape, type ConvShape } from './tensor/conv-shape.ts';
export {
  arange,
  copy,
  fromArray,
  full,
  type Nested,
  ones,
  tensor,
  type TensorOptions,
  zeros,
} from './tensor/create.ts';
export type { DType, FloatArray } from './tensor/dtype.ts';
export { symmetricEigen, type SymmetricEigen } from './tensor/eigen.ts';
export { erf, erfc } from './tensor/erf.ts';
export { ShapeError } from './tensor/errors.ts';
export { offsets } from './tensor/offsets.ts';
export { bilinear, powerIteration } from './tensor/power-iteration.ts';
export { normal, Random, uniform } from './tensor/random.ts';
export { format, type FormatOptions, item, toArray } from './tensor/read.ts';
export type { Shape } from './tensor/shape.ts';
export { svd, type Svd } from './tensor/svd.ts';
export { Tensor } from './tensor/tensor.ts';
export { perAxis, type PerAxis, type Window, windowOver } from './tensor/window.ts';

// Derivatives
export { abs } from './autograd/abs.ts';
export { add } from './autograd/add.ts';
export { amax } from './autograd/amax.ts';
export { amin } from './autograd/amin.ts';
export { backward, type BackwardOptions, grad, type GradOptions } from './autograd/backward.ts';
export { type Box, boxAlong, crop, place } from './autograd/box.ts';
export { broadcastTo } from './autograd/broadcast-to.ts';
export { cast } from './autograd/cast.ts';
export { clamp, type ClampOptions } from './autograd/clamp.ts';
export { clone } from './autograd/clone.ts';
export { equal, greater, less } from './autograd/compare.ts';
export { concat } from './autograd/concat.ts';
export { conv1d, conv2d, conv3d } from './autograd/conv-nd.ts';
export { convTranspose, type ConvTransposeOptions } from './autograd/conv-transpose.ts';
export { conv, convInput, convWeight } from './autograd/conv.ts';
export { cumsum, type CumsumOptions } from './autograd/cumsum.ts';
export { div } from './autograd/div.ts';
export { dot } from './autograd/dot.ts';
export { elu } from './autograd/elu.ts';
export { exp } from './autograd/exp.ts';
export { expandDims } from './autograd/expand-dims.ts';
export { flip } from './autograd/flip.ts';
export { gate } from './autograd/gate.ts';
export { gelu, type GeluOptions } from './autograd/gelu.ts';
export {
  assertGradcheck,
  type Differentiable,
  gradcheck,
  type GradcheckFinding,
  type GradcheckOptions,
  type GradcheckResult,
} from './autograd/gradcheck.ts';
export { hardSigmoid } from './autograd/hard-sigmoid.ts';
export { inverseSqrt } from './autograd/inverse-sqrt.ts';
export { leakyRelu } from './autograd/leaky-relu.ts';
export { logSoftmax } from './autograd/log-softmax.ts';
export { log } from './autograd/log.ts';
export { log1p } from './autograd/log1p.ts';
export { lowRank } from './autograd/low-rank.ts';
export { lyapunov } from './autograd/lyapunov.ts';
export { matmul } from './autograd/matmul.ts';
export { matrixSign } from './autograd/matrix-sign.ts';
export { maxSingularValue } from './autograd/max-singular-value.ts';
export { maximum } from './autograd/maximum.ts';
export { mean } from './autograd/mean.ts';
export { minimum } from './autograd/minimum.ts';
export { mul } from './autograd/mul.ts';
export { neg } from './autograd/neg.ts';
export { norm, type NormOptions } from './autograd/norm.ts';
export { normalCdf, normalDensity } from './autograd/normal-cdf.ts';
export { outer } from './autograd/outer.ts';
export { pad } from './autograd/pad.ts';
export { permute } from './autograd/permute.ts';
export { avgPool2d, type AvgPoolOptions, globalAveragePool, maxPool2d, type PoolOptions } from './autograd/pool.ts';
export { pow } from './autograd/pow.ts';
export { detach, isRecording, noGrad, type Op, record, recordAll, withPerturbation } from './autograd/record.ts';
export { relu } from './autograd/relu.ts';
export { reshape } from './autograd/reshape.ts';
export { rsqrt } from './autograd/rsqrt.ts';
export { checkSameDtype } from './autograd/same-dtype.ts';
export { savedBytes } from './autograd/saved-bytes.ts';
export { scatterAdd } from './autograd/scatter-add.ts';
export { sigmoid, sigmoidSlope } from './autograd/sigmoid.ts';
export { silu } from './autograd/silu.ts';
export { slice } from './autograd/slice.ts';
export { softmax } from './autograd/softmax.ts';
export { softplus } from './autograd/softplus.ts';
export { sparsemax, sparsemaxDefinition } from './autograd/sparsemax.ts';
export { sparsestmax, sparsestmaxDefinition, sparsestmaxRadius } from './autograd/sparsestmax.ts';
export { split } from './autograd/split.ts';
export { sqrt } from './autograd/sqrt.ts';
export { square } from './autograd/square.ts';
export { squeeze } from './autograd/squeeze.ts';
export { stack } from './autograd/stack.ts';
export { sub } from './autograd/sub.ts';
export { type ReduceOptions, sum } from './autograd/sum.ts';
export { take } from './autograd/take.ts';
export { tanh } from './autograd/tanh.ts';
export { transpose } from './autograd/transpose.ts';
export { variance, type VarianceOptions } from './autograd/variance.ts';
export { where } from './autograd/where.ts';

// Networks
export { ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh } from './nn/activations.ts';
export { Conv, type ConvLayerOptions } from './nn/conv.ts';
export { Conv1d } from './nn/conv1d.ts';
export { Conv2d } from './nn/conv2d.ts';
export { Conv3d } from './nn/conv3d.ts';
export { crossEntropy, type CrossEntropyOptions } from './nn/cross-entropy.ts';
export { dropout, Dropout, type DropoutOptions } from './nn/dropout.ts';
export { Embedding, type EmbeddingOptions } from './nn/embedding.ts';
export { Flatten, type FlattenOptions } from './nn/flatten.ts';
export { linear, Linear, type LinearOptions } from './nn/linear.ts';
export { type Layer, type LoadOptions, type LoadReport, Module, type StateDict } from './nn/module.ts';
export { mse, type MSEOptions } from './nn/mse.ts';
export { Parameter, parameter } from './nn/parameter.ts';
export { cacheWeights, Parametrization, type WeightTransform } from './nn/parametrization.ts';
export { bake, parametrizationOf, parametrize, type ParametrizeOptions } from './nn/parametrize.ts';
export { AvgPool2d, GlobalAveragePool, MaxPool2d } from './nn/pooling.ts';
export { fromPyTorch, toPyTorch } from './nn/pytorch-names.ts';
export { Sequential } from './nn/sequential.ts';
export { fans, type Fans } from './nn/init/fans.ts';
export { gain, type Nonlinearity } from './nn/init/gain.ts';
export { kaimingNormal, type KaimingOptions, kaimingUniform } from './nn/init/kaiming.ts';
export { lecunNormal, lecunUniform } from './nn/init/lecun.ts';
export { orthogonal, type OrthogonalOptions } from './nn/init/orthogonal.ts';
export { xavierNormal, type XavierOptions, xavierUniform } from './nn/init/xavier.ts';

// Norms
export * from './norms/index.ts';

// Replicas
export { allGather } from './parallel/all-gather.ts';
export { allReduceGradients } from './parallel/all-reduce-gradients.ts';
export { allReduce } from './parallel/all-reduce.ts';
export { checkCommunicator } from './parallel/check-communicator.ts';
export { type Communicator, localCommunicator, ReplicaError } from './parallel/communicator.ts';
export {
  leaveShared,
  sharedCommunicator,
  type SharedCommunicatorOptions,
  sharedMemory,
  type SharedMemoryOptions,
} from './parallel/shared-communicator.ts';

// Optimizers
export { Adam } from './optim/adam.ts';
export { AdamW } from './optim/adamw.ts';
export { clipGradNorm, clipGradValue } from './optim/clip.ts';
export {
  type Group,
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type ParameterState,
  type Rule,
  type Settings,
  slot,
} from './optim/optimizer.ts';
export { RMSProp, type RMSPropSettings } from './optim/rmsprop.ts';
export { type Scheduled, Scheduler, type SchedulerState } from './optim/scheduler.ts';
export { cosineDecay, oneCycle, type OneCycleOptions, type Schedule, stepDecay, warmup } from './optim/schedules.ts';
export { SGD, type SGDSettings } from './optim/sgd.ts';

// Data
export { type Batch, batches, type BatchesOptions } from './data/batches.ts';
export type { Dataset } from './data/dataset.ts';
export { readDigits } from './data/digits.ts';
export { type Idx, type IdxArray, readIdx } from './data/idx.ts';
export { syntheticDigits, type SyntheticDigitsOptions } from './data/synthetic-digits.ts';

// Files
export type { StoredArray, StoredData } from './formats/_elements.ts';
export { type JsonNumber, type JsonTensor, tensorFromJson, tensorToJson } from './formats/json-tensor.ts';
export { type NpyArray, readNpy, writeNpy } from './formats/npy.ts';
export { type NpzOptions, readNpz, writeNpz } from './formats/npz.ts';
export { readSafetensors, type Safetensors, type SafetensorsArray, writeSafetensors } from './formats/safetensors.ts';
export { stateDictFromNpz, stateDictFromSafetensors, tensorFromStored } from './formats/state-dict.ts';
