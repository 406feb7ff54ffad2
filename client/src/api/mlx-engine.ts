/** One model and its engine in one object. */
import type { LoadModelOptions } from '../types/engine.js';
import type { GeneratorChunk, GeneratorParams } from '../types/generators.js';
import type { ModelHandle } from '../types/models.js';
import { createEngine, type Engine } from './engine.js';

type Params = Omit<Partial<GeneratorParams>, 'model' | 'prompt'>;

export class MLXEngine {
  readonly #model: string | LoadModelOptions;
  #engine: Engine | null = null;
  #handle: ModelHandle | null = null;
  #starting: Promise<void> | undefined;

  constructor(modelPath: string | LoadModelOptions) {
    this.#model = modelPath;
  }

  /** Starts the engine and loads the model, once: callers that come together share it, later ones find it done. */
  async init(): Promise<this> {
    if (this.#handle === null) {
      this.#starting ??= this.#start().finally(() => {
        this.#starting = undefined;
      });
      await this.#starting;
    }
    return this;
  }

  async generate(prompt: string, params?: Params): Promise<string> {
    const parts: string[] = [];
    for await (const chunk of this.generateStream(prompt, params)) {
      if (chunk.type === 'error') throw new Error(chunk.error.message);
      if (chunk.type === 'token') parts.push(chunk.token);
    }
    return parts.join('');
  }

  async *generateStream(prompt: string, params?: Params): AsyncGenerator<GeneratorChunk, void> {
    const { engine, handle } = this.#ready();
    yield* engine.createGenerator({ ...params, model: handle.descriptor.id, prompt, streaming: true });
  }

  async tokenize(text: string): Promise<number[]> {
    const { engine, handle } = this.#ready();
    return (await engine.tokenize({ model: handle.descriptor.id, text })).tokens;
  }

  getModelHandle(): ModelHandle | null {
    return this.#handle;
  }

  getEngine(): Engine | null {
    return this.#engine;
  }

  isInitialized(): boolean {
    return this.#handle !== null;
  }

  async dispose(): Promise<void> {
    const [engine, handle] = [this.#engine, this.#handle];
    this.#engine = this.#handle = null;
    try {
      if (handle !== null) await engine?.unloadModel(handle.descriptor.id);
    } finally {
      await engine?.shutdown();
    }
  }

  async #start(): Promise<void> {
    this.#engine ??= await createEngine();
    this.#handle = await this.#engine.loadModel(this.#model);
  }

  #ready(): { engine: Engine; handle: ModelHandle } {
    if (this.#engine !== null && this.#handle !== null) return { engine: this.#engine, handle: this.#handle };
    throw new Error('MLXEngine not initialized. Call init() first.');
  }
}

export async function createMLXEngine(modelPath: string | LoadModelOptions): Promise<MLXEngine> {
  return new MLXEngine(modelPath).init();
}
