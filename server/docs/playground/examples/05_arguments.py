# Arguments
# about: "Arguments are a list, or named as here. What main() does not take is refused."
# args: {"numbers": [1, 2, 3], "power": 2}

def main(numbers, power=1):
    return sum(n**power for n in numbers)
