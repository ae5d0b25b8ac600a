"""Files on disk: digests, records, samples, tensors."""
