def main():
    return {"a": 1}
