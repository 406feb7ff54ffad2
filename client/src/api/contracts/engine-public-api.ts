/** What an engine offers, in both spellings: the public side of the class. */
import type { Engine } from '../engine.js';

/** Names the state of the surface that snapshots compare with. */
export const ENGINE_API_SNAPSHOT_VERSION = 'phase-0';

export type EnginePublicAPI = Pick<Engine, keyof Engine>;
