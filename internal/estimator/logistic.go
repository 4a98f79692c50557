package estimator

import (
	"context"
	"errors"

	"github.com/weighlock/weighlock/internal/model"
)

func fitLogistic(_ context.Context, _ *problem) (*model.Model, error) {
	return nil, errors.New("not built yet")
}
