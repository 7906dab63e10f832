"""Running sweeps and searches through Ray.

From the outside in:

- `sweep.run_sweep(graph, options) -> RunReport` and `search.run_search(problem, options)
  -> SearchReport` bring what is missing into the store; `submit.submit` hands a sweep file to a
  cluster as a job. Where nothing is missing, Ray is not started.
- `cluster` starts Ray here or joins a cluster; `session` makes sure that a run ends well;
  `tuning` sets up Ray Tune, whose trials (`trials`, `searching`) only wait for the broker.
- `broker` decides, for all trials together, what runs when: each stage once, inputs first, lost
  machines retried, what nobody waits for any more stopped. It knows nothing of Ray; `actor` puts
  it into a Ray actor with `launching`, which runs a stage as a Ray task outside any placement
  group, and `records`, which asks the store.
- `tasks` is what happens in a worker's process, `reporter` its line back to the broker, and
  `torch_trainer` spreads one training over several workers.
- `snapshot` is the state of a run as plain data; `estimate`, `render` and `progress` show it.

A search asks the sweep for three things (`searching.SearchProblem`): the configuration that
belongs to suggested values, with the stages that judge it after each round; the objective, a mean
over seeds, once those stages are done; and the value of keys that are not searched.
"""
