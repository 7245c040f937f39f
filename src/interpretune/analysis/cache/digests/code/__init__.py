"""What code means: functions, classes, and everything that they name.

Begin with `graph`, which is all that the rest of the package asks for, by way of the walk and of `encoders`. It keeps a
node for each function and class of the user's and lets each be read: its own text is one token (`source`, `syntax`),
and `reads` goes through that text once, with what its names may denote instead of values, to find out which other code
it refers to and which parts of captured objects it needs. Imports go one way only, from the end of this list to its
beginning:

1. `values`, `syntax`, `lookup`, `noise`, `random`: what an expression may denote, what a text says, how attributes are
   found, what only tells people something, what draws random numbers.
2. `compiled`, `source`, `scopes`, `entries`, `decorators`, `draws`, `fields`, `apply`: where running code stands and
   what it is without a text; local names; containers; decorators; draws; dataclasses; which parameter receives what.
3. `orders`, `ordering`, `kept_orders`, `comparing`, `ordered_calls`: the order of dictionaries, where code goes through
   them.
4. `gradients`, `labels`, `leaving`: what counts only where code reads just that; bodies that an error may end.
5. `nodes`, `classes`, `kinds`, `threads`, `operations`: a function or class in the graph; code that is neither; what
   threads run; what the language asks of objects.
6. `contexts`, `folding`, `descriptions`, `imports`, `iterating`, `targets`, `filling`, `clearing`, `made`: with what a
   function is called, what comes of the graph, single constructs of the language, what is only filled, cleared, made.
7. `builtins`, `paths`, `files`, `calls`, `expressions`, `statements`, `reads`: a function's text, from what it calls up
   to the whole.
8. `bytecode`, `settings`: the same without a text; settings of libraries that it goes by.
9. `graph`; apart from all, `encoders`, which only ask the walk.
"""
