/** What an engine emits. */
import type { GenerationStats, ModelHandle } from '../generated/types.js';

export interface ModelLoadedEvent {
  modelId: string;
  handle: ModelHandle;
  timestamp: number;
}

export interface ModelUnloadedEvent {
  modelId: string;
  timestamp: number;
}

export interface ModelInvalidatedEvent {
  modelId: string;
  reason: 'python_restart' | 'unload' | 'error';
  timestamp: number;
}

export interface GenerationStartedEvent {
  streamId: string;
  modelId: string;
  prompt: string;
  timestamp: number;
}

export interface TokenGeneratedEvent {
  streamId: string;
  token: string;
  logprob?: number;
  timestamp: number;
}

export interface GenerationCompletedEvent {
  streamId: string;
  stats: GenerationStats;
  timestamp: number;
}

export interface ErrorEvent {
  error: { code?: string; message: string; details?: Record<string, unknown> };
  context?: string;
  timestamp: number;
}

export interface RuntimeStatusEvent {
  status: 'starting' | 'ready' | 'error' | 'stopped';
  previousStatus?: 'starting' | 'ready' | 'error' | 'stopped';
  timestamp: number;
}

export interface EngineEvents {
  'model:loaded': (event: ModelLoadedEvent) => void;
  'model:unloaded': (event: ModelUnloadedEvent) => void;
  'model:invalidated': (event: ModelInvalidatedEvent) => void;
  'generation:started': (event: GenerationStartedEvent) => void;
  'generation:token': (event: TokenGeneratedEvent) => void;
  'generation:completed': (event: GenerationCompletedEvent) => void;
  error: (event: ErrorEvent) => void;
  'runtime:status': (event: RuntimeStatusEvent) => void;
}

export type EngineEventName = keyof EngineEvents;
export type EngineEventHandler<T extends EngineEventName> = EngineEvents[T];
