-- Dwell by stage: counts and quantiles of what ended, Kaplan–Meier with Greenwood's variance and the log-log band (median, its
-- limits, quartile, decile), and the Aalen–Johansen incidence of each exit.
WITH seen AS (
    SELECT stage, coalesce(left_at, $until) - entered AS age, left_to FROM stay
), ages AS (
    SELECT stage, age, count(left_to) AS gone, count(*) AS seen FROM seen GROUP BY stage, age
), risk AS (
    SELECT stage, age, gone,
           sum(seen) OVER (PARTITION BY stage ORDER BY age DESC ROWS UNBOUNDED PRECEDING) AS at_risk
    FROM ages
), curve AS (
    SELECT stage, age, gone, at_risk,
           exp(sum(CASE WHEN gone < at_risk THEN ln(1 - gone / at_risk) ELSE -1e308 END) OVER so_far) AS survival,
           sum(CASE WHEN gone < at_risk THEN gone / (at_risk * (at_risk - gone)) END) OVER so_far AS greenwood
    FROM risk WHERE gone > 0
    WINDOW so_far AS (PARTITION BY stage ORDER BY age ROWS UNBOUNDED PRECEDING)
), band AS (
    SELECT *,
           lag(survival, 1, 1.0) OVER (PARTITION BY stage ORDER BY age) AS before,
           CASE WHEN survival > 0 AND survival < 1 THEN
               pow(survival, exp(-1.959963984540054 * sqrt(greenwood) / ln(survival))) END AS low,
           CASE WHEN survival > 0 AND survival < 1 THEN
               pow(survival, exp(1.959963984540054 * sqrt(greenwood) / ln(survival))) END AS high
    FROM curve
), median AS (
    SELECT stage,
           min(age) FILTER (survival <= 0.5) AS median, min(age) FILTER (low <= 0.5) AS median_low,
           min(age) FILTER (high <= 0.5) AS median_high, min(age) FILTER (survival <= 0.25) AS p75,
           min(age) FILTER (survival <= 0.1) AS p90
    FROM band GROUP BY stage
), ended AS (
    SELECT stage, count(*) AS completed, avg(age) AS mean, min(age) AS least, max(age) AS most, sum(age) AS total,
           quantile_cont(age, [0.5, 0.9, 0.95]) AS quantiles, quantile_disc(age, [0.5, 0.9, 0.95]) AS discrete
    FROM seen WHERE left_to IS NOT NULL GROUP BY stage
), exits AS (
    SELECT stage, list((left_to, ways, incidence)) AS exits FROM (
        SELECT seen.stage, left_to, count(*) AS ways, sum(before / at_risk) AS incidence
        FROM seen JOIN band ON band.stage = seen.stage AND band.age = seen.age
        WHERE left_to IS NOT NULL
        GROUP BY seen.stage, left_to
    ) GROUP BY stage
)
SELECT * FROM ended LEFT JOIN median USING (stage) LEFT JOIN exits USING (stage) ORDER BY stage
