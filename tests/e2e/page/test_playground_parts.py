"""What the playground is made of: an editor that knows Python, and a client that is whole in a browser, too."""

import pytest

from browser import Keys

# Each is the body of a function of the page, which has the client.
CALLS = {
    "map": ("""const found = [];
               for await (const entry of client.map('def main(n): return n * n', [3, 4, 5])) found.push([entry.index, entry.item, entry.result]);
               return found.sort();""", [[0, 3, 9], [1, 4, 16], [2, 5, 25]]),
    "tools": ("""const tools = { price: async (item) => ({ tea: 2.5 })[item], refuse: () => { throw new Error('é ☃'); } };
                 const script = `def main(item):
                     try:
                         refuse()
                     except ToolError as error:
                         return [price(item) * 2, str(error)]`;
                 return (await client.run(script, { args: ['tea'], tools })).result;""", [5, "é ☃"]),
    "submit": ("return (await (await client.submit('def main(n): return n * 7', { args: [6] })).answer()).result;", 42),
    "template": ("""const template = await client.template('prices = {"tea": 2.5}\\ndef price(item): return prices[item]');
                    try {
                      const rows = [];
                      for await (const { result } of template.map({ call: 'price' }, ['tea'])) rows.push(result);
                      return [(await template.call('price', { args: ['tea'] })).result, rows];
                    } finally {
                      await template.close();
                    }""", [2.5, [2.5]]),
    "an error": ("""try {
                      return await client.run('def main(): return 1 / 0');
                    } catch (error) {
                      return [error instanceof pyexec.ScriptError, error.traceback.split('\\n').at(-1)];
                    }""", [True, "ZeroDivisionError: division by zero"]),
}


def keywords(page):
    return page.text(".CodeMirror .cm-keyword").splitlines()


def test_python_is_highlighted_as_it_is_loaded_and_typed(page):
    assert "def" in keywords(page)  # of the example that it begins with
    page.code = "class Tea:\n    price = 'def'"
    assert keywords(page) == ["class"]
    assert page.text(".CodeMirror .cm-string") == "'def'"
    page.code = ""
    assert keywords(page) == []
    page.find(".CodeMirror [contenteditable]").send_keys("while n", Keys.ENTER)
    page.wait("document.querySelector('.CodeMirror .cm-keyword')?.textContent === 'while'")
    colour = "return getComputedStyle(document.querySelector(arguments[0])).color"
    assert page.js(colour, ".CodeMirror .cm-keyword") != page.js(colour, ".CodeMirror .cm-variable")


@pytest.mark.parametrize("call", CALLS)
def test_the_client_works_in_a_page(page, call):
    body, expected = CALLS[call]
    done = page.driver.execute_async_script(f"""
        const tell = arguments[0];
        (async () => {{
          const pyexec = await import('/client/pyexec.mjs');
          const client = new pyexec.Client('.');
          {body}
        }})().then((value) => tell([null, value]), (error) => tell([String(error), null]));""")
    assert done == [None, expected]
