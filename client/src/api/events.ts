/** What an engine emits. The schemas leave room in three payloads that are exact here. */
import type * as wire from '../generated/types.js';
import type { EngineError, GenerationStats, ModelHandle } from '../generated/types.js';

export type {
  GenerationStartedEvent,
  ModelInvalidatedEvent,
  ModelUnloadedEvent,
  RuntimeStatusEvent,
  TokenGeneratedEvent,
} from '../generated/types.js';

export interface ModelLoadedEvent extends Omit<wire.ModelLoadedEvent, 'handle'> {
  handle: ModelHandle;
}

export interface GenerationCompletedEvent extends Omit<wire.GenerationCompletedEvent, 'stats'> {
  stats: GenerationStats;
}

export interface ErrorEvent extends Omit<wire.ErrorEvent, 'error'> {
  error: EngineError;
}

export interface EngineEvents {
  'model:loaded': (event: ModelLoadedEvent) => void;
  'model:unloaded': (event: wire.ModelUnloadedEvent) => void;
  'model:invalidated': (event: wire.ModelInvalidatedEvent) => void;
  'generation:started': (event: wire.GenerationStartedEvent) => void;
  'generation:token': (event: wire.TokenGeneratedEvent) => void;
  'generation:completed': (event: GenerationCompletedEvent) => void;
  error: (event: ErrorEvent) => void;
  'runtime:status': (event: wire.RuntimeStatusEvent) => void;
}

export type EngineEventName = keyof EngineEvents;
export type EngineEventHandler<T extends EngineEventName> = EngineEvents[T];
