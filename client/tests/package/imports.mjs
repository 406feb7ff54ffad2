// The built package as its users import it: the root and every path of the contract, as ESM and as CommonJS.
// Run after `npm run build`: node tests/package/imports.mjs
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const contract = JSON.parse(readFileSync(new URL('../contract/exports.json', import.meta.url), 'utf8'));
const values = [contract.functions, contract.others, contract.schemas].flatMap(Object.keys);
const faults = [];

for (const [path, names] of [['', values], ...Object.entries(contract.paths)]) {
  const specifier = `@defai.digital/mlx-serving${path && `/${path}`}`;
  for (const [how, module] of [
    ['import', await import(specifier)],
    ['require', require(specifier)],
  ]) {
    for (const name of names) if (!(name in module)) faults.push(`${how} ${specifier}: no ${name}`);
  }
}
if (faults.length > 0) throw new Error(faults.join('\n'));
console.log(
  `${values.length} values of the root, ${Object.keys(contract.paths).length} paths: imported and required`,
);
