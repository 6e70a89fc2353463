// The service that the tests are for. Notes each request that the client makes in the file PYEXEC_REQUESTS.
import { appendFileSync } from 'node:fs';
import { Client } from '../../../client/javascript/pyexec.mjs';

const { PYEXEC_URL, PYEXEC_REQUESTS } = process.env;

export const client = new Client(PYEXEC_URL, {
  fetch: (url, init) => {
    appendFileSync(PYEXEC_REQUESTS, `${init.method} ${new URL(url).pathname}\n`);
    return fetch(url, init);
  },
});

/** Waits until no job runs. */
export async function idle() {
  const until = Date.now() + 20_000;
  while ((await client.health()).pool.running > 0) if (Date.now() > until) throw new Error('a job still runs');
}
