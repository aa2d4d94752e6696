// Serves the recipe's own `search` with Node's own server: what Express hands it is of the same kind.
import { createServer } from "node:http";
import { search } from "./search.mjs";

const server = createServer(search).listen(0, "127.0.0.1", () => console.log(server.address().port));
