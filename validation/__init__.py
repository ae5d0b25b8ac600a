"""Validation: does an optimization compute the same as its baseline?"""
