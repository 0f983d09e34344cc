"""A store in the formats of others: WebDataset, image folders, Hugging Face datasets, RecordIO, FiftyOne."""
