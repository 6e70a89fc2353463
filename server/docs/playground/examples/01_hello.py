# Hello
# about: "What main() returns is the result, and what it prints comes while it runs."

import time


def main():
    for greeting in "Hello", "Bonjour", "你好":
        print(greeting)
        time.sleep(0.3)
    return {"answer": 6 * 7}
