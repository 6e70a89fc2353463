def main():
    for number in range(100):
        print("line", number)
    return 100
