def main():
    return {}["missing"]
