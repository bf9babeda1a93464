// All audits of graphql-http on one server: `node audit.js URL` prints [{name, status, reason}].
const { auditServer } = require("graphql-http");

auditServer({ url: process.argv[2], fetchFn: fetch }).then((results) => {
  const shown = results.map(({ name, status, reason }) => ({ name, status, reason }));
  process.stdout.write(JSON.stringify(shown));
});
