"""The score of a merchant, the state of a stream, and who used a photo before."""
