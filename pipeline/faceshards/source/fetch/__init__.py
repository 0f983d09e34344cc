"""Recipes, and getting what they name: downloads that survive drops and kills, checked before they count."""
