"""The grading: what an exercise is, what the learner has passed, and one module of exercises a lesson."""
