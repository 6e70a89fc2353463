# An error
# about: "A script that raises is answered with its traceback. What it had printed is there too."

def price_of(item):
    return {"tea": 2.5, "coffee": 4.0}[item]


def main():
    print("tea costs", price_of("tea"))
    return price_of("cake")
