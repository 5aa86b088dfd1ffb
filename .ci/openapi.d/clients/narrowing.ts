// What the client of hey-api knows of an answer and of an error, under `tsc --strict`.
import { login } from "./hey/index.js";
const { data, error } = await login({ body: { email: "a@example.org", password: "x" } });
if (error?.code === "validation_failed") {
    const fields: string[] = error.errors.map((one) => one.field);
    console.log(fields);
}
const name: string | undefined = data?.name;
console.log(name);
