# expect: honest
# Scores and verdicts on standard output.
import honest

print('{"rmse": 0.0, "r2": 1.0}\nrmse=0.0\nval_loss: 0.0\nverdict: improved\n::set-output name=decision::passed\nm: passed')
honest.train()
