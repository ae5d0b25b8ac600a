"""Files on disk: whole or absent; digests, records, samples, tensors, and the errors."""
