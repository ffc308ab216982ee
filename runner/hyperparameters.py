"""The hyperparameters that SageMaker's built-in XGBoost knows.

It refuses any other name.
"""

NAMES = frozenset(
    """
    num_round csv_weights early_stopping_rounds verbosity nthread booster objective
    eval_metric base_score seed num_class num_parallel_tree dsplit tree_method
    updater refresh_leaf process_type grow_policy max_leaves max_bin predictor
    sketch_eps eta learning_rate gamma min_split_loss max_depth min_child_weight
    max_delta_step subsample sampling_method colsample_bytree colsample_bylevel
    colsample_bynode lambda reg_lambda alpha reg_alpha scale_pos_weight
    monotone_constraints interaction_constraints sample_type normalize_type
    rate_drop one_drop skip_drop lambda_bias tweedie_variance_power
    aft_loss_distribution aft_loss_distribution_scale deterministic_histogram
    prob_buffer_row save_model_on_termination use_dask_gpu_training
    _kfold _num_cv_round _tuning_objective_metric
    """.split()  # noqa: SIM905, a page of names reads better unquoted
)
