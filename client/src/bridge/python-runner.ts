/** The runtime's process, by the name and path it had when it was Python. */
export { RuntimeProcess as PythonRunner } from './runtime-process.js';
