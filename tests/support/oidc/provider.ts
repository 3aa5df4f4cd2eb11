// A real OpenID provider (oidc-provider), on loopback. Its people, their groups, its client and its keys are what the
// tests say. It is an issuer of its own for each address at which it is reached. It asks for a name, and for consent.

import { createServer } from "node:http";
import Provider from "npm:oidc-provider@9";

const given = JSON.parse(Deno.env.get("PROVIDER")!);
const issuers = new Map<string, ReturnType<Provider["callback"]>>();

function issuer(address: string) {
  const provider = new Provider(address, {
    clients: [given.client],
    jwks: given.jwks,
    cookies: { keys: ["a key for the tests' own cookies"] },
    claims: { openid: ["sub", "groups"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    ttl: { AccessToken: 60, AuthorizationCode: 60, IdToken: 60, Grant: 60, Interaction: 60, Session: 60 },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, ...given.people[id] }),
    }),
  });
  provider.on("server_error", (_: unknown, error: unknown) => console.log("server error", error));
  return provider.callback();
}

const server = createServer((request, response) => {
  const address = `http://${request.headers.host}`;
  if (!issuers.has(address)) issuers.set(address, issuer(address));
  issuers.get(address)!(request, response);
});

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as { port: number };
  console.log(`Listening on http://127.0.0.1:${port}`);
});
