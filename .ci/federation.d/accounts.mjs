// Who has an account at the provider: two people, and those whom a test adds.

export class Accounts {
  #claims = new Map();

  constructor() {
    this.set("ann", { name: "Ann Lee", email: "ann@school.example", email_verified: true });
    this.set("bob", { name: "Bob Stone", email: "bob@school.example", email_verified: true });
  }

  /** Adds `sub`, or replaces what is said of it. */
  set(sub, claims) {
    this.#claims.set(sub, claims);
  }

  has(sub) {
    return this.#claims.has(sub);
  }

  /** All of them, by their ids. */
  all() {
    return [...this.#claims];
  }

  /** The account as `oidc-provider` wants it. */
  find(sub) {
    const claims = this.#claims.get(sub);
    return claims && { accountId: sub, claims: async () => ({ sub, ...claims }) };
  }
}
