// Prints what is wrong with an OpenAPI document, a line each. usage: node lint.mjs MODULES RULES DOCUMENT
import { createRequire } from 'node:module';

const [modules, rules, file] = process.argv.slice(2);
const core = createRequire(modules + '/')('@redocly/openapi-core');
const config = await core.loadConfig({ configPath: rules });
const problems = await core.lint({ ref: file, config });
for (const problem of problems) {
  const places = problem.location.map((place) => place.pointer).join(' ');
  console.log(`${problem.severity}: ${problem.ruleId}: ${problem.message} (${places})`);
}
process.exit(problems.length > 0 ? 1 : 0);
