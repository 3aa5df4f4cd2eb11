// A real OpenID provider (oidc-provider), on loopback. Its people, their groups, its client and its keys are what the
// tests say. It asks for a name on a form of its own, and for consent.

import { createServer } from "node:http";
import Provider from "npm:oidc-provider@9";

const given = JSON.parse(Deno.env.get("PROVIDER")!);
const server = createServer();

server.listen(0, "127.0.0.1", () => {
  const address = server.address() as { port: number };
  const provider = new Provider(given.issuer, {
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
  server.on("request", provider.callback());
  console.log(`Listening on http://127.0.0.1:${address.port}`);
});
