/** Every norm: what `normgrad` exports of this folder. `normgrad/norms/<slug>.js` has one of them and what it needs. */
export {
  actNorm,
  ActNorm,
  actNormDefinition,
  actNormInverse,
  actNormInverseDefinition,
  type ActNormInverseOutput,
  type ActNormOptions,
  type ActNormOutput,
  type ActNormState,
  actNormState,
} from './activation.ts';
export {
  adaptiveInstanceNorm,
  AdaptiveInstanceNorm,
  adaptiveInstanceNormDefinition,
  type AdaptiveInstanceNormLayerOptions,
  type AdaptiveInstanceNormOptions,
  styleStatistics,
  type StyleStatistics,
  type StyleStatisticsOptions,
} from './adaptive-instance.ts';
export {
  attentiveNorm,
  AttentiveNorm,
  attentiveNormDefinition,
  type AttentiveNormLayerOptions,
  type AttentiveNormOptions,
  type AttentiveNormOutput,
  type AttentiveNormParameters,
  attentiveNormState,
  type AttentiveNormState,
  type AttentiveNormStateOptions,
} from './attentive.ts';
export {
  batchNorm,
  BatchNorm,
  batchNormDefinition,
  type BatchNormOptions,
  batchNormState,
  type BatchNormState,
} from './batch.ts';
export {
  batchChannelNorm,
  BatchChannelNorm,
  batchChannelNormDefinition,
  type BatchChannelNormLayerOptions,
  type BatchChannelNormOptions,
  batchChannelNormState,
  type BatchChannelNormState,
} from './batch-channel.ts';
export {
  type BatchCondition,
  conditionalBatchNorm,
  ConditionalBatchNorm,
  conditionalBatchNormDefinition,
  type ConditionalBatchNormLayerOptions,
  type ConditionalBatchNormOptions,
  type ConditionalBatchNormParameters,
  conditionalBatchNormState,
  type ConditionalBatchNormState,
  type ConditionalDeltas,
} from './conditional-batch.ts';
export {
  conditionalInstanceNorm,
  ConditionalInstanceNorm,
  conditionalInstanceNormDefinition,
  type ConditionalInstanceNormOptions,
} from './conditional-instance.ts';
export {
  decorrelatedBatchNorm,
  DecorrelatedBatchNorm,
  decorrelatedBatchNormDefinition,
  type DecorrelatedBatchNormOptions,
  decorrelatedBatchNormState,
  type DecorrelatedBatchNormState,
} from './decorrelated-batch.ts';
export {
  filterResponseNorm,
  FilterResponseNorm,
  filterResponseNormDefinition,
  type FilterResponseNormOptions,
} from './filter-response.ts';
export { groupNorm, GroupNorm, groupNormDefinition, type GroupNormOptions } from './group.ts';
export {
  inPlaceABN,
  InPlaceABN,
  inPlaceABNDefinition,
  type InPlaceABNOptions,
  inPlaceABNState,
  type InPlaceABNState,
} from './in-place-abn.ts';
export {
  instanceNorm,
  InstanceNorm,
  instanceNormDefinition,
  type InstanceNormOptions,
  instanceNormState,
  type InstanceNormState,
} from './instance.ts';
export {
  instanceLevelMetaNorm,
  InstanceLevelMetaNorm,
  instanceLevelMetaNormDefinition,
  type InstanceLevelMetaNormLayerOptions,
  type InstanceLevelMetaNormOptions,
  type InstanceLevelMetaNormParameters,
} from './instance-level-meta.ts';
export { layerNorm, LayerNorm, layerNormDefinition, type LayerNormOptions } from './layer.ts';
export {
  localContrastNorm,
  LocalContrastNorm,
  localContrastNormDefinition,
  type LocalContrastNormOptions,
} from './local-contrast.ts';
export {
  localResponseNorm,
  LocalResponseNorm,
  localResponseNormDefinition,
  type LocalResponseNormOptions,
} from './local-response.ts';
export {
  type EmGradient,
  type MixtureInit,
  mixtureNorm,
  MixtureNorm,
  mixtureNormDefinition,
  type MixtureNormLayerOptions,
  type MixtureNormOptions,
  mixtureNormState,
  type MixtureNormState,
} from './mixture.ts';
export {
  modeNorm,
  ModeNorm,
  modeNormDefinition,
  type ModeNormLayerOptions,
  type ModeNormOptions,
  modeNormState,
  type ModeNormState,
  type ModeVariant,
} from './mode.ts';
export {
  onlineNorm,
  OnlineNorm,
  onlineNormDefinition,
  type OnlineNormLayerOptions,
  type OnlineNormOptions,
  onlineNormState,
  type OnlineNormState,
} from './online.ts';
export { rmsNorm, RMSNorm, rmsNormDefinition, type RMSNormOptions } from './rms.ts';
export {
  sparseSwitchableNorm,
  SparseSwitchableNorm,
  sparseSwitchableNormDefinition,
  type SparseSwitchableNormLayerOptions,
  type SparseSwitchableNormOptions,
  sparseSwitchableNormState,
  type SparseSwitchableNormState,
  type SparseRatioOptions,
  sparseSwitchableRatios,
} from './sparse-switchable.ts';
export {
  switchableNorm,
  SwitchableNorm,
  switchableNormDefinition,
  type SwitchableNormLayerOptions,
  type SwitchableNormOptions,
  switchableNormState,
  type SwitchableNormState,
} from './switchable.ts';
export { syncBatchNorm, SyncBatchNorm, syncBatchNormDefinition, type SyncBatchNormOptions } from './sync-batch.ts';
export {
  virtualBatchNorm,
  VirtualBatchNorm,
  virtualBatchNormDefinition,
  type VirtualBatchNormOptions,
  type VirtualBatchNormOutput,
  virtualBatchNormState,
  type VirtualBatchNormState,
} from './virtual-batch.ts';
export {
  CosineNorm,
  cosineNorm,
  cosineNormDefinition,
  type CosineNormLayerOptions,
  type CosineNormOptions,
} from './cosine.ts';
export {
  StableRankNorm,
  stableRankNorm,
  stableRankNormDefinition,
  type StableRankNormModuleOptions,
  type StableRankNormOptions,
} from './stable-rank.ts';
export {
  SpectralNorm,
  spectralNorm,
  spectralNormDefinition,
  type SpectralNormModuleOptions,
  type SpectralNormOptions,
} from './spectral.ts';
export {
  type InitializedLayer,
  WeightNorm,
  weightNorm,
  weightNormDefinition,
  type WeightNormModuleOptions,
  type WeightNormOptions,
} from './weight.ts';
export {
  modulatedConv,
  modulatedConvDefinition,
  type ModulatedConvOptions,
  WeightDemodulation,
  weightDemodulation,
  weightDemodulationDefinition,
  type WeightDemodulationLayerOptions,
  type WeightDemodulationOptions,
} from './weight-demodulation.ts';
export {
  WeightStandardization,
  weightStandardization,
  weightStandardizationDefinition,
  type WeightStandardizationOptions,
} from './weight-standardization.ts';
