// The clients that the provider knows, and how each is configured in an example.

export const CLIENTS = [
  {
    client_id: "exam-simulator",
    client_secret: "a secret with: reserved/characters+%",
    token_endpoint_auth_method: "client_secret_basic",
    id_token_signed_response_alg: "ES256",
  },
  {
    client_id: "exam-simulator-post",
    client_secret: "another secret of the same provider",
    token_endpoint_auth_method: "client_secret_post",
    id_token_signed_response_alg: "RS256",
  },
];

/** The environment of an example that signs people in with `issuer` as `client`. */
export function settings(issuer, client = CLIENTS[0]) {
  return {
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: client.client_id,
    OIDC_CLIENT_SECRET: client.client_secret,
    OIDC_CLIENT_AUTH: client.token_endpoint_auth_method,
    OIDC_NAME: "School",
  };
}
