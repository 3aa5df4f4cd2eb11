// The rules of accessibility that the dashboard's tests run in the browser. `script/setup dev` fetches them.
import "npm:axe-core@4";
