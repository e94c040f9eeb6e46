"""How the models of the microworld are made: supervised, then GRPO; one recipe a way of training, one record a run."""
