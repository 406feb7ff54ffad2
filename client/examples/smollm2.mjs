// Loads SmolLM2, streams, cancels, tokenises and shuts down.
//   node examples/smollm2.mjs MODEL_FOLDER
import { createEngine, EngineClientError } from '@defai.digital/mlx-serving';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: smollm2.mjs MODEL_FOLDER');
  process.exit(2);
}

const engine = await createEngine();
engine.on('generation:completed', ({ stats }) => {
  console.log(`\n[${stats.tokensGenerated} tokens, ${stats.tokensPerSecond.toFixed(1)} a second]`);
});
try {
  const handle = await engine.loadModel({ model: 'smollm2', localPath: folder });
  console.log(
    `loaded: ${handle.metadata.parameterCount} parameters, ${handle.contextLength} tokens of context\n`,
  );

  // Stream. `raw: false` lets the model's chat template wrap the prompt.
  const question = {
    model: 'smollm2',
    prompt: 'Why is the sky blue?',
    raw: false,
    temperature: 0,
    maxTokens: 64,
  };
  for await (const chunk of engine.createGenerator(question)) {
    if (chunk.type === 'token') process.stdout.write(chunk.token);
    if (chunk.type === 'error') throw new Error(chunk.error.message);
  }

  // Cancel: leaving the loop is enough; the runtime stops within a step.
  let taken = 0;
  for await (const chunk of engine.createGenerator({ ...question, maxTokens: 4096 })) {
    if (chunk.type === 'token' && ++taken === 5) break;
  }
  console.log(
    `\ncancelled after ${taken} tokens; streams left: ${(await engine.healthCheck()).activeStreams}`,
  );

  const { tokens, tokenStrings } = await engine.tokenize({ model: 'smollm2', text: 'Hello, world!' });
  console.log('tokens:', tokens.map((id, i) => `${id} ${JSON.stringify(tokenStrings[i])}`).join(', '));

  // What is wrong is said with its code and its field.
  await engine.generate({ ...question, temperature: 3 }).catch((error) => {
    if (!(error instanceof EngineClientError)) throw error;
    console.log(`${error.code}: ${error.message}`);
  });
} finally {
  await engine.shutdown();
}
